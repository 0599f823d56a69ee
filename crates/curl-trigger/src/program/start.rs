//! The entry point of the process, for x86-64.
#![expect(unsafe_code, reason = "the kernel passes the arguments as raw pointers on the stack")]

use alloc::vec::Vec;
use core::{
    arch::global_asm,
    ffi::{CStr, c_char},
};

use crate::app;

// rt_sigaction (13): SIGPIPE (13) is ignored, so that writing to a closed pipe returns an error. SIGTERM (15) and
// SIGINT (2) end the process with 143: process 1 of a container has no default action for them. The handler never
// returns, so that SA_RESTORER (0x4000000) needs no restorer. Then `start` is called, and exit_group (231) with its
// result. The prebuilt `alloc` refers to the unwinder, which `panic = "abort"` never calls.
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

unsafe extern "C" fn start(stack: *const usize) -> i32 {
    // SAFETY: at entry the stack has argc, argv and envp; both arrays end with a null pointer, and the strings are
    // valid and unchanged for the lifetime of the process (System V ABI, section 3.4.1).
    let (arguments, environment) =
        unsafe { (strings(stack.add(1).cast()), strings(stack.add(2 + *stack).cast())) };
    app::main(&arguments, &environment).into()
}

/// SAFETY: `at` must point to pointers to strings of static lifetime, followed by a null pointer.
unsafe fn strings(mut at: *const *const c_char) -> Vec<&'static CStr> {
    let mut found = Vec::new();
    // SAFETY: guaranteed by the caller; the loop ends at the null pointer.
    while let Some(string) = unsafe { (*at).as_ref() } {
        // SAFETY: as above.
        found.push(unsafe { CStr::from_ptr(string) });
        // SAFETY: as above.
        at = unsafe { at.add(1) };
    }
    found
}
