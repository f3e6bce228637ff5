#include "kernel/tick_ledger.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(ParseIdleTimes, AreIdleAndWaitingTimeOfEachCpu) {
  EXPECT_THAT(ParseIdleTimes("cpu  9 9 9 400 40 0 0 0 0 0\n"
                             "cpu0 1 2 3 100 10 0 0 0 0 0\n"
                             "cpu12 1 2 3 300 30 0 0 0 0 0\n"
                             "intr 5 0 0 0 0 0\n",
                             100),
              ElementsAre(Pair(0, 1100ms), Pair(12, 3300ms)));
}

TEST(ParseIdleTimes, LeaveOutWhatIsNotALineOfACpu) {
  EXPECT_THAT(ParseIdleTimes("cpu0 1 2 3\ncpux 1 2 3 4 5\ncpu1 1 2 3 many 5\n\ncpu", 100), IsEmpty());
}

// Ticks each 100 ns.
class LedgerTest : public testing::Test {
 protected:
  void ExpectUndelivered(const TickLedger::Reading& reading, uint64_t idle, uint64_t lost, int cpu = 0) {
    const TickLedger::Undelivered undelivered = ledger_.Account(cpu, reading);
    EXPECT_EQ(undelivered.idle, idle);
    EXPECT_EQ(undelivered.lost, lost);
  }

  TickLedger ledger_{100ns};
};

TEST_F(LedgerTest, NothingIsMissingWhenAllTicksCame) {
  ledger_.Open(0, {.now = 5000ns, .delivered = 7});
  ExpectUndelivered({.now = 5000ns, .delivered = 7}, 0, 0);
  ExpectUndelivered({.now = 5099ns, .delivered = 7}, 0, 0);
  ExpectUndelivered({.now = 6000ns, .delivered = 17}, 0, 0);
  ExpectUndelivered({.now = 6000ns, .delivered = 18}, 0, 0);
}

TEST_F(LedgerTest, MissingTicksOfABusyCpuAreLost) {
  ledger_.Open(0, {.now = 0ns, .idle = 300ns});
  ExpectUndelivered({.now = 1000ns, .delivered = 7, .idle = 300ns}, 0, 3);
}

TEST_F(LedgerTest, MissingTicksOfAnIdleCpuAreIdle) {
  ledger_.Open(0, {.now = 0ns, .idle = 5000ns});
  ExpectUndelivered({.now = 1000ns, .delivered = 1, .delivered_idle = 1, .idle = 5900ns}, 8, 1);
}

TEST_F(LedgerTest, IdleTimeWhoseTicksCameExplainsNoOthers) {
  ledger_.Open(0, {});
  ExpectUndelivered({.now = 1000ns, .delivered = 7, .delivered_idle = 5, .idle = 500ns}, 0, 3);
}

TEST_F(LedgerTest, SumsNeverFall) {
  ledger_.Open(0, {});
  ExpectUndelivered({.now = 1000ns, .delivered = 9}, 0, 1);
  ExpectUndelivered({.now = 1000ns, .delivered = 10}, 0, 1);
  ExpectUndelivered({.now = 2000ns, .delivered = 19}, 0, 1);
  ExpectUndelivered({.now = 3000ns, .delivered = 19, .idle = 1000ns}, 10, 1);
}

TEST_F(LedgerTest, ACpuThatWasOfflineBeginsAnew) {
  ledger_.Open(0, {});
  ExpectUndelivered({.now = 1000ns, .delivered = 8}, 0, 2);
  ledger_.Close(0);
  ExpectUndelivered({.now = 9000ns, .delivered = 8}, 0, 2);
  ledger_.Open(0, {.now = 10'000ns, .delivered = 8});
  ExpectUndelivered({.now = 11'000ns, .delivered = 17}, 0, 3);
}

TEST_F(LedgerTest, CpusHaveAccountsOfTheirOwn) {
  ledger_.Open(0, {});
  ledger_.Open(1, {});
  ExpectUndelivered({.now = 1000ns, .delivered = 8}, 0, 2, 0);
  ExpectUndelivered({.now = 1000ns, .delivered = 10}, 0, 0, 1);
  ExpectUndelivered({.now = 1000ns}, 0, 0, 2);
}

}  // namespace
}  // namespace profd
