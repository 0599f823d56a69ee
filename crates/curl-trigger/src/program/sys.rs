//! The functions that a C library provides: standard streams, clocks, memory functions that the compiler calls,
//! and the symbols of libc that ring uses.
//!
//! The assembly is for x86-64.
#![expect(unsafe_code, reason = "the interfaces of the system and the compiler are unsafe")]

use core::{arch::global_asm, time::Duration};

use rustix::fd::BorrowedFd;

// memcpy and related functions as in the System V ABI; the direction flag is clear on entry.
global_asm!(
    ".globl memcpy, memmove, memset, memcmp, bcmp, strlen",
    "memset: mov r8, rdi; mov eax, esi; mov rcx, rdx; rep stosb; mov rax, r8; ret",
    "memmove: mov r8, rdi; sub r8, rsi; cmp r8, rdx; jb 2f",
    "memcpy: mov rax, rdi; mov rcx, rdx; rep movsb; ret",
    "2: mov rax, rdi; mov rcx, rdx; lea rdi, [rdi + rdx - 1]; lea rsi, [rsi + rdx - 1]",
    "std; rep movsb; cld; ret",
    "memcmp: bcmp: xor eax, eax; mov rcx, rdx; cmp rcx, rcx; repe cmpsb; je 3f",
    "movzx eax, byte ptr [rdi - 1]; movzx ecx, byte ptr [rsi - 1]; sub eax, ecx",
    "3: ret",
    "strlen: mov rax, -1; 4: inc rax; cmp byte ptr [rdi + rax], 0; jne 4b; ret",
);

// clock_gettime (228). rustix finds the kernel's function in the process instead, which needs three kilobytes of code.
global_asm!(".globl curl_trigger_clock", "curl_trigger_clock: mov eax, 228; syscall; ret");

// The symbols of libc that ring's source of randomness uses. It calls `syscall` for getrandom(2), and the others only
// on a kernel without it, older than 3.17.
#[cfg(feature = "tls")]
global_asm!(
    ".comm curl_trigger_errno, 4, 4",
    ".globl __errno_location, syscall, open, open64, read, close, poll, pthread_mutex_lock, pthread_mutex_unlock",
    "__errno_location: lea rax, [rip + curl_trigger_errno]; ret",
    "syscall: mov rax, rdi; mov rdi, rsi; mov rsi, rdx; mov rdx, rcx; mov r10, r8; syscall",
    "cmp rax, -4095; jae 2f; ret; 2: neg eax; mov dword ptr [rip + curl_trigger_errno], eax; mov rax, -1; ret",
    "open: open64: read: close: poll: pthread_mutex_lock: pthread_mutex_unlock: jmp curl_trigger_abort",
);

unsafe extern "C" {
    /// Ends the process with 134, the code of a process that `abort` ended.
    #[link_name = "curl_trigger_abort"]
    pub(crate) safe fn abort() -> !;
    /// Writes seconds and nanoseconds.
    fn curl_trigger_clock(clock: i32, time: &mut [u64; 2]) -> i32;
}

/// The time since 1970, UTC.
pub(crate) const REALTIME: i32 = 0;
/// The time since an unspecified start.
pub(crate) const MONOTONIC: i32 = 1;

/// Reads one of the two clocks.
pub(crate) fn time(clock: i32) -> Duration {
    let mut time = [0; 2];
    // SAFETY: the kernel writes two numbers of 64 bits; both clocks always exist.
    unsafe { curl_trigger_clock(clock, &mut time) };
    let [seconds, nanoseconds] = time;
    Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or_default())
}

/// Standard input, output and error.
pub(crate) fn stdio(number: u8) -> BorrowedFd<'static> {
    // SAFETY: the program never closes 0, 1 and 2; if one of them was not open at the start, calls on it fail with
    // EBADF.
    unsafe { BorrowedFd::borrow_raw(i32::from(number.min(2))) }
}
