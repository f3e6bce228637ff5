#include "profctl/command_line.h"

int main(int argc, char** argv) { return profd::profctl::Run(argc, argv); }
