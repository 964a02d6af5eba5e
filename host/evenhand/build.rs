//! What is put into the binary is not seen by cargo, which compiles again only where it is told what to look at.

fn main() {
    for folder in ["wit", "sdk/rust", "sdk/templates"] {
        println!("cargo::rerun-if-changed=../../{folder}");
    }
}
