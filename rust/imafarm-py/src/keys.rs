//! Keys and nonces as Python gives them. No error shows what is secret.

use imafarm_proto::transport::{FarmKey, Keyring};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// So many bytes.
pub fn bytes_of<const LEN: usize>(key: &str, given: &[u8]) -> PyResult<[u8; LEN]> {
    let found = given.len();
    given.try_into().map_err(|_| PyValueError::new_err(format!("{key}: {LEN} bytes are due, not {found}")))
}

/// None, or one or two keys, the first one spoken.
pub fn keyring(keys: &[Vec<u8>]) -> PyResult<Option<Keyring>> {
    let key = |key: &Vec<u8>| Ok::<_, PyErr>(FarmKey::new(bytes_of("keys", key)?));
    match keys {
        [] => Ok(None),
        [spoken] => Ok(Some(Keyring { spoken: key(spoken)?, accepted: None })),
        [spoken, accepted] => Ok(Some(Keyring { spoken: key(spoken)?, accepted: Some(key(accepted)?) })),
        [..] => Err(PyValueError::new_err(format!("keys: at most two, not {}", keys.len()))),
    }
}
