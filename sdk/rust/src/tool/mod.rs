//! Tools: what a component does for a model.

mod build;
mod call;
mod component;
mod result;
mod set;
mod typed;

pub use call::{Answer, Call};
pub use component::{ToolComponent, Tools};
pub use result::{Failure, Json, Output};
pub use typed::Tool;
