//! Language models, and answers in the making.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chat::{Template, Turn};
use crate::error::Error;
use crate::gguf::Gguf;
use crate::llama::{Llama, Pass, TILE};
use crate::sampler::{Sampler, Sampling};
use crate::text::TextStream;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

/// What to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Text as it is; names of control tokens in it count as such.
    Raw(String),
    /// A conversation, put into the model's own template; names of control tokens in it are plain text.
    Chat(Vec<Turn>),
    /// Token numbers.
    Tokens(Vec<u32>),
}

/// Work done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the answer, without the one that ends it.
    pub output_tokens: usize,
    /// Time spent.
    pub time: Duration,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// This stop text came.
    StopSequence(String),
    /// It has as many tokens as were wanted.
    Length,
    /// Prompt and answer fill the context.
    ContextFull,
}

/// A step of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// More text: whole characters, never empty.
    Text(String),
    /// The end.
    Done(Finish, Usage),
}

struct Parts {
    llama: Llama,
    tokenizer: Tokenizer,
    template: Option<Template>,
    context: usize,
}

/// A language model with its weights in memory. A clone stands for the same weights.
#[derive(Clone)]
pub struct LanguageModel(Arc<Parts>);

impl LanguageModel {
    /// Loads a GGUF file of the llama architecture with weights in Q4_1 or Q8_0.
    ///
    /// `context`: most tokens of prompt and answer together.
    ///
    /// # Errors
    /// Where the file can't be read, is damaged, needs what this engine doesn't have, or was trained for less context.
    pub fn load(weights: &dyn Weights, context: usize) -> Result<Self, Error> {
        let mut gguf = Gguf::open(weights)?;
        let tokenizer = Tokenizer::read(&gguf)?;
        let template = Template::read(&gguf, &tokenizer)?;
        let llama = Llama::read(&mut gguf)?;
        if context > llama.shape.context {
            return Err(Error::Unsupported(format!(
                "it was trained for a context of {}, not {context}",
                llama.shape.context
            )));
        }
        Ok(Self(Arc::new(Parts {
            llama,
            tokenizer,
            template,
            context,
        })))
    }

    /// Most tokens of prompt and answer together.
    pub fn context(&self) -> usize {
        self.0.context
    }

    /// Counts the tokens of a prompt.
    ///
    /// # Errors
    /// Where the prompt makes no sense, or is surely longer than the context.
    pub fn count_tokens(&self, prompt: &Prompt) -> Result<usize, Error> {
        self.0.encode(prompt).map(|tokens| tokens.len())
    }

    /// Begins an answer. Nothing is computed before [`Generation::next`].
    ///
    /// # Errors
    /// Where prompt or sampling make no sense, or the prompt leaves no room for an answer.
    pub fn generate(&self, prompt: &Prompt, sampling: &Sampling) -> Result<Generation, Error> {
        let sampler = Sampler::new(sampling)?;
        let text = TextStream::new(sampling.stop.clone())?;
        let begun = Instant::now();
        let tokens = self.0.encode(prompt)?;
        if tokens.is_empty() {
            return Err(Error::Request("the prompt is empty".into()));
        }
        if tokens.len() >= self.0.context {
            return Err(Error::PromptTooLong {
                tokens: tokens.len(),
                context: self.0.context,
            });
        }
        Ok(Generation {
            usage: Usage {
                prompt_tokens: tokens.len(),
                output_tokens: 0,
                time: begun.elapsed(),
            },
            most: sampling.max_tokens.map_or(usize::MAX, |most| most as usize),
            pass: Pass::new(&self.0.llama),
            model: Arc::clone(&self.0),
            tokens,
            sampler,
            text,
            logits: Vec::new(),
            done: false,
        })
    }
}

impl Parts {
    fn encode(&self, prompt: &Prompt) -> Result<Vec<u32>, Error> {
        match prompt {
            Prompt::Raw(text) => {
                self.check_length(text.len())?;
                self.tokenizer.encode(text)
            }
            Prompt::Chat(turns) => {
                let Some(template) = &self.template else {
                    return Err(Error::Request(
                        "the model has no chat template: send raw text".into(),
                    ));
                };
                self.check_length(turns.iter().map(|turn| turn.text.len()).sum())?;
                let (text, mark) = template.render(turns)?;
                self.tokenizer.encode_marked(&text, mark)
            }
            Prompt::Tokens(tokens) => match tokens
                .iter()
                .find(|token| **token as usize >= self.llama.vocabulary())
            {
                Some(token) => Err(Error::Request(format!("the model has no token {token}"))),
                None => Ok(tokens.clone()),
            },
        }
    }

    /// Refuses text that is too long whatever its tokens are: to find them takes time, in which others wait.
    fn check_length(&self, bytes: usize) -> Result<(), Error> {
        match self.tokenizer.fewest(bytes) {
            tokens if tokens >= self.context => Err(Error::PromptTooLong {
                tokens,
                context: self.context,
            }),
            _ => Ok(()),
        }
    }
}

/// An answer in the making. All that a request leaves in memory is in here and goes when this is dropped.
pub struct Generation {
    model: Arc<Parts>,
    /// Prompt and answer.
    tokens: Vec<u32>,
    pass: Pass,
    sampler: Sampler,
    text: TextStream,
    logits: Vec<f32>,
    most: usize,
    usage: Usage,
    done: bool,
}

impl Generation {
    /// Works until there is a token of the answer, but not much longer than `budget`: a step of about 10 ms more.
    /// No events mean that work goes on. None at all means that the answer is over.
    pub fn next(&mut self, budget: Duration) -> Option<Vec<Event>> {
        if self.done {
            return None;
        }
        let begun = Instant::now();
        let before = self.usage.time;
        let mut events = Vec::new();
        loop {
            let sampled = self.step(&mut events);
            self.usage.time = before + begun.elapsed();
            if let Some(Event::Done(_, usage)) = events.last_mut() {
                *usage = self.usage;
            }
            if sampled || begun.elapsed() >= budget {
                return Some(events);
            }
        }
    }

    /// Work done so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The next bit of work. True where it gave a token, or the end.
    fn step(&mut self, events: &mut Vec<Event>) -> bool {
        let llama = &self.model.llama;
        if self.pass.is_busy() {
            self.pass.advance(llama);
        } else if self.pass.len() < self.tokens.len() {
            let next = &self.tokens[self.pass.len()..];
            self.pass.enter(llama, &next[..next.len().min(TILE)]);
        } else {
            self.sample(events);
            return true;
        }
        false
    }

    fn sample(&mut self, events: &mut Vec<Event>) {
        if self.usage.output_tokens >= self.most {
            return self.finish(Finish::Length, events);
        }
        self.pass.logits(&self.model.llama, &mut self.logits);
        let token = self.sampler.next(&self.logits);
        if self.model.tokenizer.is_end(token) {
            return self.finish(Finish::Stop, events);
        }
        self.tokens.push(token);
        self.usage.output_tokens += 1;
        let mut bytes = Vec::new();
        self.model.tokenizer.decode(token, &mut bytes);
        let piece = self.text.push(&bytes);
        if !piece.text.is_empty() {
            events.push(Event::Text(piece.text));
        }
        if let Some(stop) = piece.stop {
            self.finish(Finish::StopSequence(stop), events);
        } else if self.usage.output_tokens >= self.most {
            self.finish(Finish::Length, events);
        } else if self.tokens.len() >= self.model.context {
            self.finish(Finish::ContextFull, events);
        }
    }

    fn finish(&mut self, finish: Finish, events: &mut Vec<Event>) {
        let rest = self.text.finish();
        if !rest.is_empty() {
            events.push(Event::Text(rest));
        }
        events.push(Event::Done(finish, self.usage));
        self.done = true;
    }
}
