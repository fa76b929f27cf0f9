//! The build script of each program: removes the symbols from a release build on Linux.
//!
//! A function is downloaded before it starts, so its size is part of its cold start. In cargo 1.95,
//! `strip = true` in the profile has no effect on a package for which the profile sets an
//! `opt-level`.

#[expect(clippy::disallowed_methods, reason = "cargo passes the profile in the environment")]
fn main() {
    println!("cargo::rerun-if-changed=../strip.rs");
    let is = |name, value| std::env::var(name).is_ok_and(|given| given == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}
