//! Cosign's encrypted private keys: PEM around JSON, a key from a password by scrypt, NaCl's `secretbox` around PKCS#8. The format is
//! that of `go-securesystemslib/encrypted`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead;
use crypto_secretbox::{KeyInit, Nonce, XSalsa20Poly1305};
use p256::elliptic_curve::rand_core::{OsRng, RngCore};
use pem::Pem;
use scrypt::Params;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::KeyError;

/// The PEM's label today.
pub(crate) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";

/// The PEM's label before cosign 2.
pub(crate) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

/// What scrypt costs in new files, as in cosign's: 64 MiB.
const COST: Scrypt = Scrypt {
    n: 1 << 16,
    r: 8,
    p: 1,
};

/// The most memory that a file may make scrypt use, in bytes. Cosign's own files use 32 MiB or 64 MiB.
const MOST_MEMORY: u64 = 128 * 1024 * 1024;

/// The most rounds over that memory.
const MOST_ROUNDS: u32 = 4;

#[derive(Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Scrypt,
    salt: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Scrypt {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The PKCS#8 within.
pub(crate) fn open(json: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let wrong = |what: &str| KeyError::Encrypted(what.to_owned());
    let sealed: Sealed =
        serde_json::from_slice(json).map_err(|e| KeyError::Encrypted(e.to_string()))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(wrong("it is not made by scrypt and nacl/secretbox"));
    }
    let bytes = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| wrong("it has bad base64"))
    };
    let salt = bytes(&sealed.kdf.salt)?;
    let nonce = bytes(&sealed.cipher.nonce)?;
    let ciphertext = bytes(&sealed.ciphertext)?;
    let nonce: [u8; 24] = nonce
        .try_into()
        .map_err(|_| wrong("its nonce is not 24 bytes long"))?;
    let plain = cipher(sealed.kdf.params, password, &salt)?
        .decrypt(&Nonce::from(nonce), ciphertext.as_slice());
    plain.map(Zeroizing::new).map_err(|_| KeyError::Password)
}

/// PEM of this PKCS#8.
pub(crate) fn seal(pkcs8: &[u8], password: &[u8]) -> Result<String, KeyError> {
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    OsRng.fill_bytes(&mut salt);
    OsRng.fill_bytes(&mut nonce);
    let ciphertext = cipher(COST, password, &salt)?
        .encrypt(&Nonce::from(nonce), pkcs8)
        .map_err(|_| KeyError::Encrypted("it could not be made".into()))?;
    let sealed = Sealed {
        kdf: Kdf {
            name: "scrypt".into(),
            params: COST,
            salt: STANDARD.encode(salt),
        },
        cipher: Cipher {
            name: "nacl/secretbox".into(),
            nonce: STANDARD.encode(nonce),
        },
        ciphertext: STANDARD.encode(ciphertext),
    };
    let json = serde_json::to_vec(&sealed).map_err(|e| KeyError::Encrypted(e.to_string()))?;
    let unix = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    Ok(pem::encode_config(&Pem::new(LABEL, json), unix))
}

fn cipher(cost: Scrypt, password: &[u8], salt: &[u8]) -> Result<XSalsa20Poly1305, KeyError> {
    let memory = cost
        .n
        .checked_mul(u64::from(cost.r))
        .and_then(|n| n.checked_mul(128));
    if cost.n < 2
        || !cost.n.is_power_of_two()
        || memory.is_none_or(|memory| memory > MOST_MEMORY)
        || !(1..=MOST_ROUNDS).contains(&cost.p)
    {
        return Err(KeyError::Encrypted(format!(
            "its scrypt parameters (N {}, r {}, p {}) would take more than {MOST_MEMORY} bytes or {MOST_ROUNDS} rounds",
            cost.n, cost.r, cost.p
        )));
    }
    let wrong = |_| KeyError::Encrypted("its scrypt parameters can't be".into());
    let log = u8::try_from(cost.n.trailing_zeros()).unwrap_or(u8::MAX);
    let params = Params::new(log, cost.r, cost.p, 32).map_err(wrong)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, salt, &params, key.as_mut_slice())
        .map_err(|_| KeyError::Encrypted("its scrypt parameters can't be".into()))?;
    Ok(XSalsa20Poly1305::new(key.as_ref().into()))
}
