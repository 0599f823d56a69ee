//! All that is `unsafe`: what a C library would otherwise bring.
//!
//! The entry point, the memory functions that the compiler calls, the allocator and, for ring, the few
//! symbols it takes from libc. x86-64 only: another architecture needs the assembly anew.
#![expect(unsafe_code, reason = "the system's and the compiler's interfaces are unsafe; nothing else is")]

use alloc::vec::Vec;
use core::arch::global_asm;
use core::ffi::{CStr, c_char};

use rustix::fd::BorrowedFd;

#[global_allocator]
static ALLOCATOR: rustix_dlmalloc::GlobalDlmalloc = rustix_dlmalloc::GlobalDlmalloc;

// rt_sigaction (13): SIGPIPE (13) is ignored, so that a closed pipe is an error to report; SIGTERM (15) and
// SIGINT (2) end the process with 143, as process 1 of a container has no default for them. The handler never
// returns, so the restorer that SA_RESTORER (0x4000000) promises is none. Then main, and exit_group (231).
// The prebuilt `alloc` refers to the unwinder, which `panic = "abort"` never calls.
global_asm!(
    ".section .rodata.signals, \"a\"; 2: .quad 1, 0, 0, 0; 3: .quad 4f, 0x4000000, 0, 0; .text",
    ".globl _start, curl_trigger_abort, rust_eh_personality, _Unwind_Resume",
    "_start: mov rbx, rsp",
    "mov r10d, 8; xor edx, edx; lea rsi, [rip + 2b]; mov edi, 13; mov eax, 13; syscall",
    "lea rsi, [rip + 3b]; mov edi, 15; mov eax, 13; syscall",
    "mov edi, 2; mov eax, 13; syscall",
    "mov rdi, rbx; and rsp, -16; xor ebp, ebp; call {start}",
    "mov edi, eax; mov eax, 231; syscall; 4: mov edi, 143; mov eax, 231; syscall",
    "rust_eh_personality: _Unwind_Resume: curl_trigger_abort: mov edi, 134; mov eax, 231; syscall",
    start = sym start,
);

// The System V ABI's contracts of memcpy and its relatives; the direction flag is clear on entry.
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

// What ring's source of randomness takes from libc. It calls `syscall` for getrandom(2), and the others only
// where the kernel is older than 3.17 and has none: no such kernel runs containers.
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
    /// Ends the process with 134, as `abort` would.
    #[link_name = "curl_trigger_abort"]
    pub(crate) safe fn abort() -> !;
}

/// Standard input, output and error.
pub(crate) fn stdio(number: u8) -> BorrowedFd<'static> {
    // SAFETY: 0, 1 and 2 are the process's from its start and never closed here; where one was not open, calls
    // on it fail with EBADF.
    unsafe { BorrowedFd::borrow_raw(i32::from(number.min(2))) }
}

unsafe extern "C" fn start(stack: *const usize) -> i32 {
    // SAFETY: at entry the kernel has put argc here, then argv and envp, each ended by a null pointer, and all
    // the strings live and stay unchanged as long as the process (System V ABI, section 3.4.1).
    let (arguments, environment) =
        unsafe { (strings(stack.add(1).cast()), strings(stack.add(2 + *stack).cast())) };
    super::main(&arguments, &environment).into()
}

/// SAFETY: `at` must point to pointers to strings that live for ever, up to a null pointer.
unsafe fn strings(mut at: *const *const c_char) -> Vec<&'static CStr> {
    let mut found = Vec::new();
    // SAFETY: the caller's promise; a null pointer is not passed.
    while let Some(string) = unsafe { (*at).as_ref() } {
        // SAFETY: as above.
        found.push(unsafe { CStr::from_ptr(string) });
        // SAFETY: as above.
        at = unsafe { at.add(1) };
    }
    found
}
