use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::tools::{CallResult, ToolInfo};
use crate::{Call, Error, Failure, Output};

/// A tool whose arguments are a Rust type. Its schemas are derived from types, and its doc comments become descriptions, so that the
/// model reads what you wrote.
///
/// ```
/// use evenhand_sdk::{Call, Failure, Json, Tool};
///
/// /// A shape.
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Rectangle {
///     /// In metres.
///     width: f64,
///     /// In metres.
///     height: f64,
/// }
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Area {
///     /// In square metres.
///     area: f64,
/// }
///
/// struct Measure;
///
/// impl Tool for Measure {
///     const NAME: &'static str = "measure";
///     const DESCRIPTION: &'static str = "The area of a rectangle.";
///     const READ_ONLY: bool = true;
///     const OPEN_WORLD: bool = false;
///     type Arguments = Rectangle;
///     type Output = Json<Area>;
///
///     fn call(shape: Rectangle, _: &Call) -> Result<Json<Area>, Failure> {
///         if shape.width < 0.0 || shape.height < 0.0 {
///             return Err(Failure::correct("width and height may not be negative"));
///         }
///         let area = shape.width * shape.height;
///         Ok(Json(Area { area }))
///     }
/// }
///
/// evenhand_sdk::export_tools!((Measure,));
/// ```
pub trait Tool: 'static {
    /// Its name, unique in the component: letters, digits, `_`, `-`, `.`; at most 128.
    const NAME: &'static str;
    /// For people.
    const TITLE: Option<&'static str> = None;
    /// What it does and when to use it, for the model.
    const DESCRIPTION: &'static str;
    /// It changes nothing.
    const READ_ONLY: bool = false;
    /// It may destroy something; only where it is not read-only.
    const DESTRUCTIVE: bool = !Self::READ_ONLY;
    /// A second call with the same arguments changes nothing more: the host may repeat one whose outcome it doesn't know.
    const IDEMPOTENT: bool = Self::READ_ONLY;
    /// It reaches things outside the host's world, such as the web.
    const OPEN_WORLD: bool = true;
    /// A struct. `#[serde(deny_unknown_fields)]` refuses what it doesn't know.
    type Arguments: DeserializeOwned + JsonSchema;
    /// `String`, [`CallResult`], or [`Json`](crate::Json) of a struct, whose schema is then declared.
    type Output: Output;

    /// Is it offered under the operator's `config` and grants?
    ///
    /// # Errors
    /// What is wrong with them.
    fn offered() -> Result<bool, Error> {
        Ok(true)
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`Failure::Correctable`] is told to the model; an [`Error`] (by `?`) is for what isn't the model's to correct.
    fn call(arguments: Self::Arguments, call: &Call) -> Result<Self::Output, Failure>;

    /// What the host is told of it.
    ///
    /// # Errors
    /// `internal` where its arguments or its output are no object.
    fn info() -> Result<ToolInfo, Error> {
        let output = match Self::Output::schema() {
            Some(schema) => Some(object(Self::NAME, "output", schema)?),
            None => None,
        };
        Ok(ToolInfo {
            name: Self::NAME.into(),
            title: Self::TITLE.map(Into::into),
            description: Self::DESCRIPTION.into(),
            input_schema: object(Self::NAME, "arguments", schema_of::<Self::Arguments>())?,
            output_schema: output,
            read_only: Self::READ_ONLY,
            destructive: Self::DESTRUCTIVE,
            idempotent: Self::IDEMPOTENT,
            open_world: Self::OPEN_WORLD,
        })
    }
}

/// Runs a tool on arguments as JSON. What doesn't fit them is the model's to correct.
pub(super) fn run<T: Tool>(id: String, arguments: &str) -> Result<CallResult, Error> {
    let called = match serde_json::from_str(arguments) {
        Ok(arguments) => T::call(arguments, &Call::new(id)),
        Err(e) => Err(Failure::correct(format!("its arguments don't fit: {e}"))),
    };
    match called {
        Ok(output) => output.into_result(),
        Err(Failure::Correctable(message)) => Ok(CallResult::failed(message)),
        Err(Failure::Error(error)) => Err(error),
    }
}

/// JSON Schema (2020-12) of a type, with no reference out of itself. Without the type's Rust name, which tells nobody anything.
pub(super) fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        // Vendors that know no `$ref` read it too; what contains itself still has one.
        settings.inline_subschemas = true;
    });
    let settings = settings.with_transform(RecursiveTransform(forget_width));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema
}

/// `uint32` and the like are no formats of JSON Schema.
fn forget_width(schema: &mut Schema) {
    let format = schema.get("format").and_then(|format| format.as_str());
    let numbers = ["int", "uint", "float", "double"];
    if format.is_some_and(|format| numbers.iter().any(|of| format.starts_with(of))) {
        schema.remove("format");
    }
}

fn object(tool: &str, what: &str, schema: Schema) -> Result<String, Error> {
    if schema.get("type").and_then(|kind| kind.as_str()) != Some("object") {
        let message = format!("tool {tool}: the type of its {what} must be a struct");
        return Err(Error::internal(message));
    }
    Ok(schema.as_value().to_string())
}
