//! Calls of tools, as both APIs want them.

use evenhand_sdk::names::Names;

/// An id that is too long is replaced, by the same one in its call and its result.
pub(crate) fn short(id: &str, most: usize, ids: &mut Names) -> String {
    match (1..=most).contains(&id.len()) {
        true => id.into(),
        false => ids.send(id),
    }
}

/// Arguments as the model wrote them; none are an empty object.
pub(crate) fn arguments(arguments: &str) -> &str {
    match arguments {
        "" => "{}",
        given => given,
    }
}
