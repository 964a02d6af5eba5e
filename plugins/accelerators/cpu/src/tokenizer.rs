//! Text to tokens and back, from what a GGUF file says about its tokenizer. The work is done by `tokenizers`.

use std::collections::{HashMap, HashSet};

use aho_corasick::{AhoCorasick, MatchKind};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{PreTokenizerWrapper, Tokenizer as Library};

use crate::error::Error;
use crate::gguf::Gguf;

/// GGUF's types of tokens.
const CONTROL: u32 = 3;
const USER_DEFINED: u32 = 4;

/// Names of control tokens that end an answer, whatever else the file says; models use one to end a turn and another
/// to end a text, and metadata has room for one.
const END_NAMES: [&str; 5] = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "</s>",
];

/// The tokenizer of a model.
pub(crate) struct Tokenizer {
    library: Library,
    tokens: Vec<String>,
    /// Tokens that are spelled out in prompts, by the number of their pattern in `finder`.
    special: Vec<u32>,
    finder: AhoCorasick,
    control: HashSet<u32>,
    ends: HashSet<u32>,
    bytes: HashMap<char, u8>,
    longest: usize,
    begin: Option<u32>,
    end: Option<u32>,
    add_begin: bool,
}

impl Tokenizer {
    pub(crate) fn read(gguf: &Gguf<'_>) -> Result<Self, Error> {
        let model: String = gguf.get("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(Error::Unsupported(format!(
                "its tokenizer is `{model}`, not `gpt2`"
            )));
        }
        let tokens: Vec<String> = gguf.get("tokenizer.ggml.tokens")?;
        let types: Vec<u32> = gguf.get("tokenizer.ggml.token_type")?;
        let merges: Vec<String> = gguf.get("tokenizer.ggml.merges")?;
        let split = gguf.find::<String>("tokenizer.ggml.pre")?;
        let library = library(&tokens, &merges, split.as_deref().unwrap_or("default"))?;

        let of_type = |kind: u32| {
            (0..)
                .zip(&types)
                .filter(move |(_, t)| **t == kind)
                .map(|(id, _): (u32, _)| id)
        };
        let control: HashSet<u32> = of_type(CONTROL)
            .filter(|id| (*id as usize) < tokens.len())
            .collect();
        let mut special: Vec<u32> = control
            .iter()
            .copied()
            .chain(of_type(USER_DEFINED))
            .collect();
        special.retain(|id| {
            tokens
                .get(*id as usize)
                .is_some_and(|name| !name.is_empty())
        });
        special.sort_unstable();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(special.iter().map(|id| &tokens[*id as usize]))
            .map_err(Error::invalid)?;

        let mut ends: HashSet<u32> = HashSet::new();
        for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"] {
            ends.extend(gguf.find::<u32>(key)?);
        }
        ends.extend(
            control
                .iter()
                .filter(|id| END_NAMES.contains(&tokens[**id as usize].as_str())),
        );

        Ok(Self {
            library,
            special,
            finder,
            control,
            ends,
            bytes: byte_alphabet(),
            longest: tokens.iter().map(String::len).max().unwrap_or(1).max(1),
            end: gguf.find::<u32>("tokenizer.ggml.eos_token_id")?,
            begin: gguf
                .find::<u32>("tokenizer.ggml.bos_token_id")?
                .filter(|id| (*id as usize) < tokens.len()),
            add_begin: gguf
                .find::<bool>("tokenizer.ggml.add_bos_token")?
                .unwrap_or(false),
            tokens,
        })
    }

    /// Tokens of `text`, in which names of control tokens count as such.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        self.encode_pieces(text, |piece| piece.into())
    }

    /// The same for text in which a control token stands for itself only where no `mark` is in it; see `chat`.
    pub(crate) fn encode_marked(&self, text: &str, mark: char) -> Result<Vec<u32>, Error> {
        self.encode_pieces(text, |piece| piece.replace(mark, ""))
    }

    fn encode_pieces(&self, text: &str, clean: impl Fn(&str) -> String) -> Result<Vec<u32>, Error> {
        let mut ids = Vec::new();
        let plain = |piece: &str, ids: &mut Vec<u32>| -> Result<(), Error> {
            let piece = clean(piece);
            if !piece.is_empty() {
                ids.extend(
                    self.library
                        .encode_fast(piece, false)
                        .map_err(Error::internal)?
                        .get_ids(),
                );
            }
            Ok(())
        };
        let mut from = 0;
        for found in self.finder.find_iter(text) {
            plain(&text[from..found.start()], &mut ids)?;
            ids.push(self.special[found.pattern().as_usize()]);
            from = found.end();
        }
        plain(&text[from..], &mut ids)?;
        if let Some(begin) = self
            .begin
            .filter(|begin| self.add_begin && ids.first() != Some(begin))
        {
            ids.insert(0, begin);
        }
        Ok(ids)
    }

    /// Appends the bytes of a token; part of a character is possible. Control tokens have none.
    pub(crate) fn decode(&self, token: u32, bytes: &mut Vec<u8>) {
        if self.control.contains(&token) {
            return;
        }
        let name = self.name(Some(token));
        if self.special.binary_search(&token).is_ok() {
            // What users of the tokenizer add is spelled as it is.
            bytes.extend(name.bytes());
        } else {
            bytes.extend(name.chars().filter_map(|c| self.bytes.get(&c)));
        }
    }

    /// Whether a token ends the answer.
    pub(crate) fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// Names of the tokens that count as such in a prompt.
    pub(crate) fn special_names(&self) -> impl Iterator<Item = &str> {
        self.special
            .iter()
            .map(|id| self.tokens[*id as usize].as_str())
    }

    /// Fewest tokens that `bytes` bytes of text can be.
    pub(crate) fn fewest(&self, bytes: usize) -> usize {
        bytes / self.longest
    }

    /// Name of the token that begins a text, for templates.
    pub(crate) fn begin_name(&self) -> &str {
        self.name(self.begin)
    }

    /// Name of the token that ends a text, for templates.
    pub(crate) fn end_name(&self) -> &str {
        self.name(self.end)
    }

    fn name(&self, token: Option<u32>) -> &str {
        token
            .and_then(|id| self.tokens.get(id as usize))
            .map_or("", String::as_str)
    }
}

fn library(tokens: &[String], merges: &[String], split: &str) -> Result<Library, Error> {
    let bytes = ByteLevel::new(false, false, true);
    let pre: PreTokenizerWrapper = match split {
        "default" | "gpt-2" => bytes.into(),
        "smollm" => Sequence::new(vec![Digits::new(true).into(), bytes.into()]).into(),
        other => {
            return Err(Error::Unsupported(format!(
                "its tokenizer splits text as `{other}`"
            )));
        }
    };
    let merges: Option<Vec<_>> = merges
        .iter()
        .map(|pair| {
            pair.split_once(' ')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        })
        .collect();
    let merges =
        merges.ok_or_else(|| Error::Invalid("a merge of its tokenizer is not a pair".into()))?;
    let vocabulary = tokens.iter().cloned().zip(0_u32..);
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.collect::<Vocab>(), merges)
        // The instance outlives the call, and the cache would keep words of one caller for the next.
        .cache_capacity(0)
        .build()
        .map_err(Error::invalid)?;
    let mut library = Library::new(model);
    library.with_pre_tokenizer(Some(pre));
    Ok(library)
}

/// GPT-2 spells bytes as printable characters: printable ones as themselves, the others from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let mut others = (0x100..).filter_map(char::from_u32);
    (0..=u8::MAX)
        .filter_map(|byte| match byte {
            b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => Some((char::from(byte), byte)),
            _ => Some((others.next()?, byte)),
        })
        .collect()
}
