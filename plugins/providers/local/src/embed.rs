use evenhand_sdk::tensors::ModelInfo;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};

use crate::request;

/// The texts of a request, where this model can do what it asks; what it can't is in the warnings.
pub(crate) fn texts(
    request: EmbedRequest,
    model: &ModelInfo,
    warnings: &mut Warnings,
) -> Result<Vec<String>, Error> {
    if let Some(wanted) = request
        .dimensions
        .filter(|wanted| Some(*wanted) != model.dimensions)
    {
        let has = model
            .dimensions
            .map_or("another number".into(), |has| has.to_string());
        let message = format!(
            "{} has {has} dimensions and can't change that to {wanted}",
            model.name
        );
        return Err(Error::unsupported(message).at("dimensions"));
    }
    if request.user.is_some() {
        request::left_out("user", warnings);
    }
    for extension in &request.extensions {
        warnings.add_extension(extension);
    }
    match request.input {
        EmbedInput::Texts(texts) => Ok(texts),
        EmbedInput::Tokens(_) => {
            let message = format!("{} embeds texts: send those, not token numbers", model.name);
            Err(Error::unsupported(message).at("input"))
        }
    }
}

/// Warns of a text that is longer than its model reads.
pub(crate) fn cut(index: usize, tokens: u32, model: &ModelInfo, warnings: &mut Warnings) {
    if let Some(most) = model.max_context.filter(|most| tokens > *most) {
        warnings.add(
            &format!("input[{index}]"),
            format!(
                "{} reads {most} tokens: the rest of {tokens} is left out",
                model.name
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ModelInfo {
        ModelInfo {
            name: "m".into(),
            versions: vec![],
            platform: "p".into(),
            tasks: vec![],
            inputs: vec![],
            outputs: vec![],
            max_context: Some(256),
            dimensions: Some(384),
        }
    }

    fn ask(input: EmbedInput, dimensions: Option<u32>) -> Result<(Vec<String>, Warnings), Error> {
        let request = EmbedRequest {
            model: "m".into(),
            input,
            dimensions,
            user: Some("u".into()),
            extensions: vec![Extension {
                dialect: "openai-embeddings".into(),
                fields: r#"{"priority": 1}"#.into(),
            }],
        };
        let mut warnings = Warnings::default();
        texts(request, &model(), &mut warnings).map(|texts| (texts, warnings))
    }

    #[test]
    fn texts_pass_and_what_would_change_the_vectors_is_refused() {
        let (texts, warnings) = ask(EmbedInput::Texts(vec!["a".into()]), Some(384)).unwrap();
        assert_eq!(texts, ["a"]);
        let fields: Vec<_> = warnings.fields().collect();
        assert_eq!(fields, ["user", "extensions.priority"]);
        for (input, dimensions, param) in [
            (EmbedInput::Texts(vec![]), Some(100), "dimensions"),
            (EmbedInput::Tokens(vec![vec![1]]), None, "input"),
        ] {
            let error = ask(input, dimensions).unwrap_err();
            assert_eq!(
                (error.code, error.param.as_deref()),
                (ErrorCode::Unsupported, Some(param))
            );
        }
    }

    #[test]
    fn a_text_that_was_cut_is_named() {
        let mut warnings = Warnings::default();
        cut(0, 256, &model(), &mut warnings);
        cut(3, 257, &model(), &mut warnings);
        assert_eq!(warnings.fields().collect::<Vec<_>>(), ["input[3]"]);
    }
}
