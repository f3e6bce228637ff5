// symbols_cpp [--seconds S]: C++ names of the kinds that a demangler meets. Prints what each is called in C++.
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "c/truth.h"

namespace shop::detail {

volatile uint64_t sink;

template <typename T, int N>
struct Table {
  __attribute__((noinline)) void Fill(const T& value) const {
    for (int i = 0; i < 1000000; ++i) sink = sink + static_cast<uint64_t>(value) * N;
  }
};

class Basket {
 public:
  __attribute__((noinline)) Basket& operator+=(int value) {
    for (int i = 0; i < 1000000; ++i) sink = sink + static_cast<uint64_t>(value);
    return *this;
  }
};

}  // namespace shop::detail

namespace {

__attribute__((noinline)) void hidden_work(const std::vector<std::string>& names) {
  for (int i = 0; i < 1000000; ++i) shop::detail::sink = shop::detail::sink + names.size();
}

}  // namespace

int main(int argc, char** argv) {
  const double deadline = monotonic_seconds() + flag_seconds(argc, argv, "seconds", 60);
  truth(
      "{\"event\":\"ready\",\"pid\":%d,\"names\":[\"shop::detail::Table<int, 7>::Fill(int const&) const\","
      "\"shop::detail::Basket::operator+=(int)\",\"main::{lambda(int)#1}::operator()(int) const\"],"
      "\"prefixes\":[\"(anonymous namespace)::hidden_work(\"]}",
      getpid());
  auto closure = [&](int turns) __attribute__((noinline)) {
    for (int i = 0; i < turns; ++i) shop::detail::sink = shop::detail::sink + 1;
  };
  const shop::detail::Table<int, 7> table;
  shop::detail::Basket basket;
  const std::vector<std::string> names{"a", "b"};
  while (monotonic_seconds() < deadline) {
    table.Fill(3);
    basket += 4;
    closure(1000000);
    hidden_work(names);
  }
  return 0;
}
