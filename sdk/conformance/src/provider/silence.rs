//! Nothing that is asked for is dropped in silence: rule 3.

use types::ErrorCode;

use super::scenarios::clean;
use crate::report::{Outcome, Stop};
use crate::requests::{self, PROBES, Probe};
use crate::run::Run;
use crate::script::{Provider, Scenario, When};
use crate::stage::Asked;
use crate::subject::{End, told};

pub(super) async fn run(run: &mut Run, provider: &Provider, text: &Scenario) {
    let plain = match ask(run, provider, text).await {
        Ok(plain) => plain,
        Err(stop) => {
            run.case("silence", "", async |_| Err(stop)).await;
            return;
        }
    };
    for probe in PROBES {
        run.case("silence", probe.0, async |run| {
            if let Some(why) = provider.silent.get(probe.0) {
                return Err(Stop::skipped(format!("the script says: {why}")));
            }
            heeded(run, provider, text, &plain, *probe).await
        })
        .await;
    }
}

/// The requests that a plain call sends.
async fn ask(run: &mut Run, provider: &Provider, text: &Scenario) -> Result<Vec<Asked>, Stop> {
    let request = requests::request("text", provider.model(text));
    let heard = run.subject.generate(text.lax(When::Whole)?, request).await;
    clean(&heard)?;
    Ok(heard.asked)
}

/// What a plugin itself says to its vendor. Header fields that a signature makes differ each time.
fn said(asked: &[Asked]) -> Vec<Asked> {
    let own = |(name, _): &(String, String)| {
        !matches!(
            name.as_str(),
            "authorization" | "content-length" | "x-amz-date"
        )
    };
    let mut all = asked.to_vec();
    for asked in &mut all {
        asked.headers.retain(own);
    }
    all
}

async fn heeded(
    run: &mut Run,
    provider: &Provider,
    text: &Scenario,
    plain: &[Asked],
    (field, set): Probe,
) -> Outcome {
    let mut request = requests::request("text", provider.model(text));
    set(&mut request);
    let heard = run.subject.generate(text.lax(When::Whole)?, request).await;
    if !heard.asked.is_empty() && said(&heard.asked) != said(plain) {
        return Ok(());
    }
    let root = field.split('.').next().unwrap_or(field);
    let mut warnings = heard.answer.warnings.iter();
    if warnings.any(|it| it.field.replace('-', "_").starts_with(root)) {
        return Ok(());
    }
    match &heard.end {
        End::Failed(error)
            if matches!(error.code, ErrorCode::BadRequest | ErrorCode::Unsupported) =>
        {
            Ok(())
        }
        End::Failed(error) => Err(Stop::failed("`bad-request` or `unsupported`", told(error))),
        _ => Err(Stop::failed(
            format!("that {field} is in the request, in a warning, or refused"),
            match heard.answer.warnings.is_empty() {
                true => "the same request as without it, and no warning".to_owned(),
                false => format!("the same request, and {:?}", heard.answer.warnings),
            },
        )),
    }
}
