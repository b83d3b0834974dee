//! Builds the template library into the server, if it is told where that lies: cargo cannot make one package's library
//! a part of another. `./just build` tells; a plain `cargo build` leaves it to be found beside the server.

fn main() {
    println!("cargo::rerun-if-env-changed=WORKERS_TEMPLATE_LIBRARY");
    println!("cargo::rustc-check-cfg=cfg(template_library)");
    if let Ok(path) = std::env::var("WORKERS_TEMPLATE_LIBRARY") {
        println!("cargo::rerun-if-changed={path}");
        println!("cargo::rustc-env=WORKERS_TEMPLATE_LIBRARY={path}");
        println!("cargo::rustc-cfg=template_library");
    }
}
