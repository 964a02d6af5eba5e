//! How the kit's vendor delivers a body.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// How an answer's body comes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delivery {
    /// In one piece.
    Whole,
    /// Cut at these places.
    Pieces(Vec<usize>),
    /// It ends here, as if that were all.
    Cut(usize),
    /// The connection breaks here.
    Broken(usize),
    /// Nothing more comes after this.
    Hang(usize),
    /// Not even the head comes.
    Silence,
    /// After it comes this, for ever.
    Endless(Bytes),
}

type Chunk = Result<Bytes, std::io::Error>;

/// A body, as it is delivered. `open` goes with it.
pub(crate) fn stream<T: Send + 'static>(
    body: Bytes,
    delivery: Delivery,
    open: T,
) -> BoxStream<'static, Chunk> {
    let upto = |at: usize| body.slice(..at.min(body.len()));
    let first: Vec<Bytes> = match &delivery {
        Delivery::Pieces(places) => {
            let mut places = places.clone();
            places.push(body.len());
            let from = std::iter::once(0).chain(places.clone());
            let pieces = from.zip(places).map(|(from, to)| body.slice(from..to));
            pieces.filter(|piece| !piece.is_empty()).collect()
        }
        Delivery::Cut(at) | Delivery::Broken(at) | Delivery::Hang(at) => vec![upto(*at)],
        _ => vec![body.clone()],
    };
    // Each piece is there before the next one is.
    let first = stream::iter(first).then(async |piece| {
        tokio::task::yield_now().await;
        Ok(piece)
    });
    let rest: BoxStream<'static, Chunk> = match delivery {
        Delivery::Broken(_) => {
            let error = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            stream::once(async { Err(error) }).boxed()
        }
        Delivery::Hang(_) => stream::pending().boxed(),
        Delivery::Endless(more) => {
            let more = stream::repeat_with(move || Ok(more.clone()));
            more.then(async |piece| {
                tokio::task::yield_now().await;
                piece
            })
            .boxed()
        }
        _ => stream::empty().boxed(),
    };
    first
        .chain(rest)
        .map(move |chunk| {
            let _ = &open;
            chunk
        })
        .boxed()
}
