//! Components inside this program. They enter as everybody's do: by an entry of a configuration, with its grant and limits, verified
//! where there is a trust list.

/// Name, component, and its signature where it was signed.
type Component = (&'static str, &'static [u8], Option<&'static str>);

/// What `build.rs` found.
const COMPONENTS: &[Component] = include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// The component of this name, with its signature.
pub(crate) fn find(name: &str) -> Option<(&'static [u8], Option<&'static str>)> {
    let mut all = COMPONENTS.iter();
    all.find(|(known, ..)| *known == name)
        .map(|(_, bytes, signature)| (*bytes, *signature))
}

/// Is there none?
pub(crate) fn is_empty() -> bool {
    COMPONENTS.is_empty()
}
