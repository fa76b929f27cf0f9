//! The function `admin`, with the built-in models and plugins.

/// As in the program `weir`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    weir::admin(weir::models(), weir::plugins())
}
