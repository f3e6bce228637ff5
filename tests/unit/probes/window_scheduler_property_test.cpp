// What the scheduler promises, whatever happens: a random world does its worst, and a second set of books is kept.
#include <deque>
#include <random>

#include "window_scheduler_fixture.h"

namespace profd {
namespace {

constexpr double kRounding = 1000;  // ns

double Ns(nanoseconds time) { return static_cast<double>(time.count()); }

/// The books of one process.
struct Account {
  nanoseconds cpu{}, spent{}, spent_in_turns{}, other{};
  nanoseconds excess{};  // the greatest that one window cost beyond expectation
  double cpus = 0;       // that it uses
  BootTime asked_until{};
  uint64_t exact_functions = 4;
};

/// The books of the node.
class NodeBooks {
 public:
  NodeBooks(double share, double depth) : share_(share), depth_(depth) {}
  void Spend(BootTime now, nanoseconds cost) {
    if (now > now_) owed_ = std::max(0.0, owed_ - share_ * Ns(now - now_));
    now_ = std::max(now, now_);
    owed_ += Ns(cost);
  }
  /// What was spent in the worst span of time that ends now, less what that span earned and the depth.
  double beyond() const { return owed_ - depth_; }
  double depth() const { return depth_; }

 private:
  double share_, depth_, owed_ = 0;
  BootTime now_{};
};

struct OpenWindow {
  WindowReason reason;
  nanoseconds expected;
  uint64_t hits;           // planned
  uint64_t functions;      // of an exact one
  bool forgotten = false;  // its process was removed meanwhile, and may have been added again
};

class World {
 public:
  explicit World(uint64_t seed)
      : random_(seed),
        options_{.hit_price = 1us * (1 << Upto(5)), .exact_hit_price = seed % 2 == 0 ? 10us : 0us},
        cpus_(1 << Upto(6)),
        scheduler_(options_, cpus_) {}

  void Step() {
    PassTime();
    for (uint64_t events = Upto(4); events > 0; --events) Happen();
    CheckNextDue();
    const size_t open_before = open_.size();
    const auto plans = scheduler_.Open(now_);
    for (const WindowPlan& plan : plans) Check(plan);
    EXPECT_EQ(open_.size(), open_before + plans.size());
    EXPECT_LE(open_.size(), options_.most_open);
    EXPECT_GT(scheduler_.NextDue(now_).value_or(BootTime::max()), now_) << "or who asks never rests";
  }
  /// All end.
  void End() {
    while (!accounts_.empty()) Remove(accounts_.begin()->first);
    EXPECT_EQ(scheduler_.List().size(), 0u);
    while (!open_.empty()) Close(open_.begin()->first);
    EXPECT_EQ(scheduler_.node().open, 0u);
    EXPECT_EQ(scheduler_.NextDue(now_), std::nullopt);
    EXPECT_EQ(scheduler_.node().tally.cost, spent_);
  }
  uint64_t opened(WindowReason reason) const { return opened_.at(static_cast<size_t>(reason)); }

 private:
  NodeBooks BooksOf(double share_of_cpus) const {
    const double share = share_of_cpus * cpus_;
    return {share, std::max(share * Ns(10s), Ns(options_.hit_price * (11 * options_.hits + Bursts::kMostHits)))};
  }
  uint64_t Upto(uint64_t limit) { return random_() % limit; }
  bool OneIn(uint64_t times) { return Upto(times) == 0; }
  ProcessId AnyProcess() {
    if (accounts_.empty() || OneIn(50)) return Pid(static_cast<uint32_t>(Upto(60)));
    return std::next(accounts_.begin(), static_cast<ptrdiff_t>(Upto(accounts_.size())))->first;
  }

  void PassTime() {
    nanoseconds time = 1us * Upto(50'000);
    if (OneIn(5)) time = 1ms * Upto(5'000);
    if (OneIn(500)) time = 1s * Upto(5'000);
    now_ += OneIn(100) ? -time : time;
    for (auto& [process, account] : accounts_) {
      account.cpu += nanoseconds(static_cast<int64_t>(account.cpus * Ns(time)));
      if (!OneIn(3)) scheduler_.OnCpuTime(process, account.cpu);
    }
  }

  void Happen() {
    const ProcessId process = AnyProcess();
    switch (Upto(12)) {
      case 0: return Add(process.tgid < 60 ? Pid(static_cast<uint32_t>(Upto(60))) : process);
      case 1:
        if (OneIn(8)) Remove(process);
        return;
      case 2: return scheduler_.OnMapShare(process, OneIn(4) ? 0 : 1.0 / static_cast<double>(1 + Upto(1000)));
      case 3: return Suspect();
      case 4: return Ask(process);
      case 5: return Burden(process);
      case 7: return scheduler_.SetPassedHits(process, Upto(2 * Bursts::kMostHits));
      case 6: return SetExactFunctions(process, 1 + Upto(4));
      default:
        if (!open_.empty()) Close(std::next(open_.begin(), static_cast<ptrdiff_t>(Upto(open_.size())))->first);
    }
  }

  void Add(const ProcessId& process) {
    const auto [at, is_new] = accounts_.try_emplace(process);
    if (is_new) {
      at->second.cpus = std::array{0.0, 0.001, 0.1, 1.0, 30.0}.at(Upto(5));
      at->second.cpu = OneIn(3) ? 1s * Upto(100'000) : 1ms * Upto(1000);
    }
    scheduler_.Add(process, at->second.cpu, now_);
  }
  void Remove(ProcessId process) {
    scheduler_.Remove(process);
    if (const auto open = open_.find(process); open != open_.end()) open->second.forgotten = true;
    accounts_.erase(process);
    suspects_.erase(process);
  }
  void Suspect() {
    suspects_.clear();
    for (uint64_t count = Upto(4); count > 0; --count) suspects_.insert(AnyProcess());
    scheduler_.SetSuspects(suspects_);
  }
  void Ask(const ProcessId& process) {
    const BootTime until = now_ + 1ms * Upto(10'000);
    const auto account = accounts_.find(process);
    EXPECT_EQ(scheduler_.Ask(process, until), account != accounts_.end());
    if (account != accounts_.end()) account->second.asked_until = std::max(account->second.asked_until, until);
  }
  void SetExactFunctions(const ProcessId& process, uint64_t functions) {
    const auto account = accounts_.find(process);
    if (account != accounts_.end()) account->second.exact_functions = functions;
    scheduler_.SetExactFunctions(process, functions);
  }
  void Burden(const ProcessId& process) {
    const auto account = accounts_.find(process);
    if (account == accounts_.end()) return;
    account->second.other += 1us * Upto(500);
    scheduler_.OnOtherCost(process, account->second.other);
  }

  void Close(ProcessId process) {
    const OpenWindow window = open_.at(process);
    open_.erase(process);
    WindowOutcome outcome{.process = process, .attached = !OneIn(20)};
    const bool exact = IsExact(window.reason);
    const uint64_t end = window.hits;
    if (outcome.attached) {
      const uint64_t beyond = exact ? (window.functions - 1) * end : OneIn(30) ? 500 * end : end / 2;
      outcome.hits = OneIn(4) ? Upto(end) : end + Upto(beyond + 1);
    }
    outcome.cost = (exact ? options_.exact_hit_price : options_.hit_price) * outcome.hits;
    if (OneIn(10)) outcome.cost *= 10;
    outcome.missed = exact && outcome.hits == 0 && OneIn(2);
    scheduler_.OnClosed(outcome, now_);
    if (!exact && outcome.hits >= end) Overran(outcome.hits - end);
    CheckNode(window, outcome.cost);
    spent_ += outcome.cost;
    if (const auto account = accounts_.find(process); account != accounts_.end()) {
      CheckProcess(account->second, window, outcome.cost);
    }
  }
  bool IsExact(WindowReason reason) const {
    return reason == WindowReason::kSuspect && options_.exact_hit_price > nanoseconds(0);
  }
  void Overran(uint64_t hits) {
    overruns_.push_back(std::min(hits, 10 * options_.hits));
    if (overruns_.size() > 64) overruns_.pop_front();
  }
  nanoseconds Expected(const WindowPlan& plan) const {
    if (IsExact(plan.reason)) {
      return options_.exact_hit_price * plan.most_hits * accounts_.at(plan.process).exact_functions;
    }
    return options_.hit_price * (plan.passed_hits + plan.most_hits + std::ranges::max(overruns_));
  }

  void CheckNode(const OpenWindow& window, nanoseconds cost) {
    excess_ = std::max(excess_, cost - window.expected);
    const bool suspect = window.reason == WindowReason::kSuspect;
    NodeBooks& part = suspect ? for_suspects_ : for_others_;
    part.Spend(now_, cost);
    all_.Spend(now_, cost);
    const double overruns = Ns(excess_) * static_cast<double>(options_.most_open) + kRounding;
    EXPECT_LE(part.beyond(), overruns);
    EXPECT_LE(all_.beyond(), overruns);
  }
  void CheckProcess(Account& account, const OpenWindow& window, nanoseconds cost) {
    account.excess = std::max(account.excess, window.forgotten ? cost : cost - window.expected);
    account.spent += cost;
    if (window.reason == WindowReason::kRound) account.spent_in_turns += cost;
    // What else it pays comes unasked.
    EXPECT_LE(Ns(account.spent), 0.01 * Ns(account.cpu) + Ns(account.excess) + kRounding);
    EXPECT_LE(Ns(account.spent_in_turns), 0.001 * Ns(account.cpu) + Ns(account.excess) + kRounding);
  }

  void Check(const WindowPlan& plan) {
    ++opened_.at(static_cast<size_t>(plan.reason));
    ASSERT_TRUE(accounts_.contains(plan.process)) << "it has ended";
    const Account& account = accounts_.at(plan.process);
    const OpenWindow window{plan.reason, Expected(plan), plan.passed_hits + plan.most_hits, account.exact_functions};
    ASSERT_TRUE(open_.try_emplace(plan.process, window).second) << "two of one process";
    EXPECT_LE(Ns(account.spent + account.other + Expected(plan)), 0.01 * Ns(account.cpu) + kRounding);
    if (plan.reason == WindowReason::kRound) {
      EXPECT_LE(Ns(account.spent_in_turns + Expected(plan)), 0.001 * Ns(account.cpu) + kRounding);
    }
    EXPECT_TRUE(plan.reason != WindowReason::kSuspect || suspects_.contains(plan.process));
    EXPECT_TRUE(plan.reason != WindowReason::kAsked || account.asked_until > now_);
  }
  /// Before it wants to be asked there is nothing.
  void CheckNextDue() const {
    WindowScheduler untouched = scheduler_;
    const auto due = untouched.NextDue(now_);
    if (due && *due <= now_) return;
    EXPECT_TRUE(untouched.Open(due ? *due - 2ns : now_ + 1000h).empty());
  }

  std::mt19937_64 random_;
  WindowOptions options_;
  unsigned cpus_;
  WindowScheduler scheduler_;
  BootTime now_ = kStart;
  std::map<ProcessId, Account> accounts_;
  std::map<ProcessId, OpenWindow> open_;
  std::set<ProcessId> suspects_;
  std::deque<uint64_t> overruns_{74};
  nanoseconds spent_{}, excess_{};
  NodeBooks for_suspects_ = BooksOf(0.0015), for_others_ = BooksOf(0.0035);
  NodeBooks all_{0.005 * cpus_, for_suspects_.depth() + for_others_.depth()};
  std::array<uint64_t, kWindowReasons> opened_{};
};

TEST(WindowSchedulerProperty, KeepsItsPromisesWhateverHappens) {
  std::array<uint64_t, kWindowReasons> opened{};
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed);
    for (int step = 0; step < 3000 && !testing::Test::HasFailure(); ++step) world.Step();
    world.End();
    if (testing::Test::HasFailure()) return;
    for (size_t reason = 0; reason < kWindowReasons; ++reason) opened[reason] += world.opened(WindowReason(reason));
  }
  for (const uint64_t count : opened) EXPECT_GT(count, 1000u) << "or nothing was tried";
}

}  // namespace
}  // namespace profd
