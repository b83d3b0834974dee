//! Embeds the template library into the server if `WORKERS_TEMPLATE_LIBRARY` holds its path. Cargo cannot embed one
//! package's library into another. `./just build` sets the variable; after a plain `cargo build` the server looks for
//! the library beside itself.

fn main() {
    println!("cargo::rerun-if-env-changed=WORKERS_TEMPLATE_LIBRARY");
    println!("cargo::rustc-check-cfg=cfg(template_library)");
    if let Ok(path) = std::env::var("WORKERS_TEMPLATE_LIBRARY") {
        println!("cargo::rerun-if-changed={path}");
        println!("cargo::rustc-env=WORKERS_TEMPLATE_LIBRARY={path}");
        println!("cargo::rustc-cfg=template_library");
    }
}
