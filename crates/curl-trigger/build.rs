//! Linker arguments of the program, which has its own entry point and no C library.

fn main() {
    let script = format!("-Wl,-T,{}/no-unwind-tables.ld", env!("CARGO_MANIFEST_DIR"));
    let fixed = [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,--no-eh-frame-hdr",
        // One copy of identical functions, and no headers and padding that only debuggers and the loader of shared
        // libraries use. These are arguments of lld, Rust's default linker.
        "-Wl,--icf=all",
        "-Wl,-z,norelro",
        "-Wl,-z,nosectionheader",
        "-Wl,--no-rosegment",
    ];
    for argument in fixed.into_iter().chain([script.as_str()]) {
        println!("cargo::rustc-link-arg-bin=curl-trigger={argument}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=no-unwind-tables.ld");
}
