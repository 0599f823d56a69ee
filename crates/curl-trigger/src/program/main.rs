//! The program: executes the steps of the library and does the I/O. See the library's documentation.
//!
//! It uses neither a C library nor the standard library, so that it is one small static file.
//! `scripts/build-curl-trigger.sh` builds it.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the entry point in start.rs is written for x86-64: add one for this architecture there");

extern crate alloc;

mod allocator;
mod app;
mod clock;
mod errors;
mod files;
mod net;
mod output;
mod output_file;
mod resolve;
mod start;
mod stream;
mod sys;
#[cfg(feature = "tls")]
mod tls;
mod transfer;
#[cfg(feature = "tls")]
mod trust;

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    output::print(2, "curl-trigger: internal error, please report it\n");
    sys::abort()
}
