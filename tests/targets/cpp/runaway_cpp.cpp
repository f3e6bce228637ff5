// runaway_cpp SHAPE [--after SECONDS]: recurses without end until it dies of SIGSEGV. SHAPE: direct (a member of a
// template), mutual (virtual functions), cycle3 (three functions), or thread, which is `direct` in a thread with 512
// KiB of stack. Prints the C++ names of the functions; "onset" comes right before the first call.
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "c/truth.h"

namespace {

constexpr size_t kThreadStackBytes = 512 << 10;
constexpr rlim_t kMainStackBytes = 8 << 20;

volatile uint64_t levels;
volatile uint64_t last_level = UINT64_MAX;  // never reached, which the compiler does not know

bool NextLevel() {
  levels = levels + 1;
  return levels < last_level;
}

uint64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

namespace shop {

template <typename T>
struct Tree {
  T value;
  const Tree* parent;

  __attribute__((noinline)) uint64_t Total(T sum) const { return NextLevel() ? parent->Total(sum + value) + 1 : 0; }
};

struct Customer {
  uint64_t number;
};

struct Visitor {
  virtual ~Visitor() = default;
  virtual uint64_t Visit(const Customer& customer) = 0;
  Visitor* next = nullptr;
};

struct Order : Visitor {
  __attribute__((noinline)) uint64_t Visit(const Customer& customer) override {
    return NextLevel() ? next->Visit(customer) + 1 : 0;
  }
};

struct Invoice : Visitor {
  __attribute__((noinline)) uint64_t Visit(const Customer& customer) override {
    return NextLevel() ? next->Visit(customer) + customer.number : 0;
  }
};

__attribute__((noinline)) uint64_t Price(int item);
__attribute__((noinline)) uint64_t Discount(int item) { return NextLevel() ? Price(item + 1) + 1 : 0; }
__attribute__((noinline)) uint64_t Rule(int item) { return NextLevel() ? Discount(item + 1) + 2 : 0; }
uint64_t Price(int item) { return NextLevel() ? Rule(item + 1) + 3 : 0; }

}  // namespace shop

namespace {

struct Shape {
  std::string name, cycle;
  int frames = 0;
  uint64_t (*enter)() = nullptr;
};

__attribute__((noinline)) uint64_t EnterTree() {
  shop::Tree<long> tree{1, nullptr};
  tree.parent = &tree;
  return tree.Total(1) + 1;
}

__attribute__((noinline)) uint64_t EnterVisitors() {
  shop::Order order;
  shop::Invoice invoice;
  order.next = &invoice;
  invoice.next = &order;
  return order.Visit({1}) + 1;
}

__attribute__((noinline)) uint64_t EnterPrices() { return shop::Price(1) + 1; }

// The cycle in JSON, called from the left to the right.
const Shape kShapes[] = {
    {"direct", "\"shop::Tree<long>::Total(long) const\"", 1, EnterTree},
    {"mutual", "\"shop::Order::Visit(shop::Customer const&)\",\"shop::Invoice::Visit(shop::Customer const&)\"", 2,
     EnterVisitors},
    {"cycle3", "\"shop::Price(int)\",\"shop::Rule(int)\",\"shop::Discount(int)\"", 3, EnterPrices},
    {"thread", "\"shop::Tree<long>::Total(long) const\"", 1, EnterTree},
};

void Start(const Shape& shape, const char* root) {
  const char* entry = shape.enter == EnterTree       ? "(anonymous namespace)::EnterTree()"
                      : shape.enter == EnterVisitors ? "(anonymous namespace)::EnterVisitors()"
                                                     : "(anonymous namespace)::EnterPrices()";
  truth(
      "{\"event\":\"onset\",\"pid\":%d,\"tid\":%d,\"shape\":\"%s\",\"cycle\":[%s],\"frames_per_cycle\":%d,"
      "\"levels_per_cycle\":%d,\"entry\":\"%s\",\"root\":\"%s\",\"boot_ns\":%lu,\"time_ns\":%lu}",
      getpid(), gettid(), shape.name.c_str(), shape.cycle.c_str(), shape.frames, shape.frames, entry, root,
      ClockNs(CLOCK_BOOTTIME), ClockNs(CLOCK_REALTIME));
  levels = shape.enter();
}

void* ThreadMain(void* argument) {
  Start(*static_cast<const Shape*>(argument), "(anonymous namespace)::ThreadMain(void*)");
  return nullptr;
}

void RunInThread(const Shape& shape) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  if (pthread_attr_setstacksize(&attributes, kThreadStackBytes) != 0 ||
      pthread_create(&thread, &attributes, ThreadMain, const_cast<Shape*>(&shape)) != 0) {
    perror("runaway_cpp: cannot make a thread with that stack");
    std::exit(1);
  }
  pthread_join(thread, nullptr);
}

// The death is to leave no core file, and the stack is to have an end.
void SetLimits() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  rlimit stack{};
  getrlimit(RLIMIT_STACK, &stack);
  if (stack.rlim_cur != RLIM_INFINITY) return;
  stack.rlim_cur = kMainStackBytes;
  setrlimit(RLIMIT_STACK, &stack);
}

}  // namespace

int main(int argc, char** argv) {
  const Shape* shape = nullptr;
  for (const Shape& known : kShapes) {
    if (argc > 1 && known.name == argv[1]) shape = &known;
  }
  if (shape == nullptr) {
    fprintf(stderr, "runaway_cpp: the first argument is one of direct, mutual, cycle3, thread\n");
    return 2;
  }
  SetLimits();
  truth("{\"event\":\"ready\",\"pid\":%d,\"shape\":\"%s\",\"dies_of\":\"SIGSEGV\"}", getpid(), shape->name.c_str());
  usleep(static_cast<useconds_t>(flag_seconds(argc, argv, "after", 2) * 1e6));
  if (shape->name == "thread") {
    RunInThread(*shape);
  } else {
    Start(*shape, "main");
  }
  return 0;
}
