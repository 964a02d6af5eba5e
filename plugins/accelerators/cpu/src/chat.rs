//! Conversations to text, by the model's own template.

use evenhand_sdk::tensors::Turn;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value, context};

use crate::error::Error;
use crate::gguf::Gguf;
use crate::tokenizer::Tokenizer;

const NAME: &str = "chat";
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// A model's chat template.
pub(crate) struct Template {
    environment: Environment<'static>,
    begin: String,
    end: String,
    /// First characters of control tokens.
    starts: Vec<char>,
}

impl Template {
    /// The template of a file, where it has one.
    pub(crate) fn read(gguf: &Gguf<'_>, tokenizer: &Tokenizer) -> Result<Option<Self>, Error> {
        let Some(source) = gguf.find::<String>("tokenizer.chat_template")? else {
            return Ok(None);
        };
        let mut environment = Environment::new();
        // As transformers renders them, which is what authors of templates test with.
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(Error::internal)?);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<String, minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        environment
            .add_template_owned(NAME, source)
            .map_err(|error| {
                Error::Invalid(format!("its chat template does not parse: {error}"))
            })?;
        let mut starts: Vec<char> = tokenizer
            .special_names()
            .filter_map(|name| name.chars().next())
            .collect();
        starts.sort_unstable();
        starts.dedup();
        Ok(Some(Self {
            environment,
            begin: tokenizer.begin_name().into(),
            end: tokenizer.end_name().into(),
            starts,
        }))
    }

    /// The text that asks for the next turn, and a mark.
    ///
    /// Nobody who is quoted in a conversation may speak for another, so names of control tokens in what is said must
    /// stay plain text. The mark, a character that nobody uses, follows every character with which such a name begins;
    /// whoever takes the marks out again after looking for names gets what was said.
    pub(crate) fn render(&self, turns: &[Turn]) -> Result<(String, char), Error> {
        if turns.is_empty() {
            return Err(Error::Request("a conversation needs a turn".into()));
        }
        if let Some(turn) = turns
            .iter()
            .find(|turn| !ROLES.contains(&turn.role.as_str()))
        {
            return Err(Error::Request(format!(
                "a turn's role is `{}`, not one of {ROLES:?}",
                turn.role
            )));
        }
        // Noncharacters first, then private use: text that uses all of them is not text.
        let mut candidates = ('\u{FDD0}'..='\u{FDEF}').chain('\u{E000}'..='\u{F8FF}');
        let mark = candidates.find(|mark| turns.iter().all(|turn| !turn.text.contains(*mark)));
        let mark = mark
            .ok_or_else(|| Error::Request("the conversation uses all private characters".into()))?;
        let message = |turn: &Turn| context! { role => turn.role.as_str(), content => self.mark(&turn.text, mark) };
        let messages: Vec<Value> = turns.iter().map(message).collect();
        let template = self
            .environment
            .get_template(NAME)
            .map_err(Error::internal)?;
        let text = template
            .render(context! {
                messages,
                tools => (),
                documents => (),
                add_generation_prompt => true,
                bos_token => self.begin.as_str(),
                eos_token => self.end.as_str(),
            })
            .map_err(|error| {
                Error::Request(format!(
                    "the model's chat template refuses this conversation: {error}"
                ))
            })?;
        Ok((text, mark))
    }

    fn mark(&self, text: &str, mark: char) -> String {
        let mut marked = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            marked.push(c);
            if self.starts.binary_search(&c).is_ok() {
                marked.push(mark);
            }
        }
        marked
    }
}
