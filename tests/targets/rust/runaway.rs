// runaway_rust SHAPE [--after SECONDS]: recurses without end. SHAPE: direct, mutual, cycle3, or thread, which is
// `direct` in a thread with 512 KiB of stack. Rust's own handler catches the SIGSEGV, says so and aborts, as in any Rust
// program. "onset" is printed right before the first call.
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const THREAD_STACK_BYTES: usize = 512 << 10;
const CLOCK_BOOTTIME: i32 = 7;

static LEVELS: AtomicU64 = AtomicU64::new(0);

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, now: *mut Timespec) -> i32;
}

/// The same value, of which the compiler knows nothing. (std::hint has this from Rust 1.66 on, Debian 12 has 1.63.)
#[inline(always)]
fn black_box<T>(value: T) -> T {
    // SAFETY: `value` is read whole and once: what was moved out of it is not dropped here.
    unsafe {
        let copy = std::ptr::read_volatile(&value);
        std::mem::forget(value);
        copy
    }
}

#[inline(always)]
fn next_level() -> bool {
    LEVELS.store(LEVELS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    LEVELS.load(Ordering::Relaxed) < black_box(u64::MAX)
}

#[inline(never)]
fn direct(value: u64) -> u64 {
    let pad = black_box([value; 4]);
    if next_level() { black_box(direct(value + 1)) + pad[0] } else { 0 }
}

#[inline(never)]
fn mutual_a(value: u64) -> u64 {
    if next_level() { black_box(mutual_b(value + 1)) + 1 } else { 0 }
}

#[inline(never)]
fn mutual_b(value: u64) -> u64 {
    let pad = black_box([value; 6]);
    if next_level() { mutual_a(value + 1) + pad[0] } else { 0 }
}

#[inline(never)]
fn cycle3_first(value: u64) -> u64 {
    if next_level() { black_box(cycle3_second(value + 1)) + 1 } else { 0 }
}

#[inline(never)]
fn cycle3_second(value: u64) -> u64 {
    let pad = black_box([value; 2]);
    if next_level() { cycle3_third(value + 1) + pad[0] } else { 0 }
}

#[inline(never)]
fn cycle3_third(value: u64) -> u64 {
    let pad = black_box([value; 8]);
    if next_level() { cycle3_first(value + 1) + pad[0] } else { 0 }
}

type Shape = (&'static str, fn(u64) -> u64, &'static [&'static str]);

const SHAPES: [Shape; 4] = [
    ("direct", direct, &["runaway::direct"]),
    ("mutual", mutual_a, &["runaway::mutual_a", "runaway::mutual_b"]),
    ("cycle3", cycle3_first, &["runaway::cycle3_first", "runaway::cycle3_second", "runaway::cycle3_third"]),
    ("thread", direct, &["runaway::direct"]),
];

fn truth(line: &str) {
    let mut out = std::io::stdout();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

fn boot_ns() -> i64 {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `now` is a timespec of this system's layout and lives through the call.
    unsafe { clock_gettime(CLOCK_BOOTTIME, &mut now) };
    now.seconds * 1_000_000_000 + now.nanoseconds
}

#[inline(never)]
fn start_recursion(shape: &Shape) -> u64 {
    let (name, frames) = (shape.0, shape.2.len());
    let line = format!(
        r#"{{"event":"onset","pid":{},"shape":"{name}","cycle":{:?},"frames_per_cycle":{frames},"#,
        std::process::id(),
        shape.2
    );
    let line = format!(r#"{line}"levels_per_cycle":{frames},"#);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    truth(&format!(r#"{line}"entry":"runaway::start_recursion","boot_ns":{},"time_ns":{now}}}"#, boot_ns()));
    black_box((shape.1)(1)) + 1
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let name = arguments.get(1).map_or("", String::as_str);
    let shape = SHAPES.iter().find(|shape| name == shape.0).unwrap_or_else(|| {
        eprintln!("runaway_rust: the first argument is one of direct, mutual, cycle3, thread");
        std::process::exit(2);
    });
    let after = arguments.iter().position(|argument| argument == "--after").and_then(|at| arguments.get(at + 1));
    let after: f64 = after.and_then(|seconds| seconds.parse().ok()).unwrap_or(2.0);
    truth(&format!(
        r#"{{"event":"ready","pid":{},"shape":"{}","dies_of":"SIGABRT"}}"#,
        std::process::id(),
        shape.0
    ));
    std::thread::sleep(Duration::from_secs_f64(after));
    if shape.0 == "thread" {
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(|| start_recursion(shape));
        black_box(thread.map(|thread| thread.join().is_ok()).is_ok());
    } else {
        black_box(start_recursion(shape));
    }
}
