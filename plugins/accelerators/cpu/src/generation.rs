//! Language models, and answers in the making.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evenhand_sdk::tensors::{GenerationEvent, GenerationFinish, Prompt, Sampling, Work};

use crate::chat::Template;
use crate::error::Error;
use crate::gguf::Gguf;
use crate::llama::{Llama, Pass, TILE};
use crate::sampler::Sampler;
use crate::text::TextStream;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

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
            prompt: tokens.len(),
            time: begun.elapsed(),
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
    /// Tokens of the prompt.
    prompt: usize,
    /// Most tokens of the answer.
    most: usize,
    time: Duration,
    done: bool,
}

impl Generation {
    /// Works until there is a token of the answer, but not much longer than `budget`: a step of about 10 ms more.
    /// No events mean that work goes on. None at all means that the answer is over.
    pub fn next(&mut self, budget: Duration) -> Option<Vec<GenerationEvent>> {
        if self.done {
            return None;
        }
        let begun = Instant::now();
        let before = self.time;
        let mut events = Vec::new();
        loop {
            let sampled = self.step(&mut events);
            self.time = before + begun.elapsed();
            if let Some(GenerationEvent::Done((_, work))) = events.last_mut() {
                *work = self.work();
            }
            if sampled || begun.elapsed() >= budget {
                return Some(events);
            }
        }
    }

    /// Tokens of the prompt.
    pub fn prompt_tokens(&self) -> usize {
        self.prompt
    }

    /// Tokens of the answer so far, without the one that ends it.
    fn output_tokens(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    fn work(&self) -> Work {
        work(self.prompt, self.output_tokens(), self.time)
    }

    /// The next bit of work. True where it gave a token, or the end.
    fn step(&mut self, events: &mut Vec<GenerationEvent>) -> bool {
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

    fn sample(&mut self, events: &mut Vec<GenerationEvent>) {
        if self.output_tokens() >= self.most {
            return self.finish(GenerationFinish::Length, events);
        }
        self.pass.logits(&self.model.llama, &mut self.logits);
        let token = self.sampler.next(&self.logits);
        if self.model.tokenizer.is_end(token) {
            return self.finish(GenerationFinish::Stop, events);
        }
        self.tokens.push(token);
        let mut bytes = Vec::new();
        self.model.tokenizer.decode(token, &mut bytes);
        let piece = self.text.push(&bytes);
        if !piece.text.is_empty() {
            events.push(GenerationEvent::Text(piece.text));
        }
        if let Some(stop) = piece.stop {
            self.finish(GenerationFinish::StopSequence(stop), events);
        } else if self.output_tokens() >= self.most {
            self.finish(GenerationFinish::Length, events);
        } else if self.tokens.len() >= self.model.context {
            self.finish(GenerationFinish::ContextFull, events);
        }
    }

    fn finish(&mut self, finish: GenerationFinish, events: &mut Vec<GenerationEvent>) {
        let rest = self.text.finish();
        if !rest.is_empty() {
            events.push(GenerationEvent::Text(rest));
        }
        events.push(GenerationEvent::Done((finish, self.work())));
        self.done = true;
    }
}

/// Work done, as the contract counts it.
pub(crate) fn work(input: usize, output: usize, time: Duration) -> Work {
    Work {
        input_tokens: input as u64,
        output_tokens: output as u64,
        device_ns: u64::try_from(time.as_nanos()).ok(),
    }
}
