//! Short ways to make the types of tools.

use crate::tools::{CallResult, ResourceInfo, ToolContent};
use crate::types::{Media, MediaSource};

impl CallResult {
    /// What came of it.
    pub fn new(content: Vec<ToolContent>) -> Self {
        Self {
            content,
            structured: None,
            is_error: false,
        }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![ToolContent::Text(text.into())])
    }

    /// It failed, and the model reads why.
    pub fn failed(why: impl Into<String>) -> Self {
        Self {
            is_error: true,
            ..Self::text(why)
        }
    }
}

impl ToolContent {
    /// An image, with its media type, such as `image/png`.
    pub fn image_of(bytes: Vec<u8>, media_type: impl Into<String>) -> Self {
        Self::Image(Media::of(bytes, media_type))
    }

    /// A sound, with its media type, such as `audio/wav`.
    pub fn audio_of(bytes: Vec<u8>, media_type: impl Into<String>) -> Self {
        Self::Audio(Media::of(bytes, media_type))
    }
}

impl Media {
    /// Bytes of a media type, and nothing else about them.
    pub fn of(bytes: Vec<u8>, media_type: impl Into<String>) -> Self {
        Self {
            source: MediaSource::Bytes(bytes),
            media_type: Some(media_type.into()),
            name: None,
            context: None,
            detail: None,
            cite: false,
        }
    }
}

impl ResourceInfo {
    /// A resource of which only URI and name are known.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: name.into(),
            title: None,
            description: None,
            media_type: None,
            size: None,
        }
    }
}
