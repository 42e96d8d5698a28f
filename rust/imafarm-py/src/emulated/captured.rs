//! What was recorded at tapped hosts, as a capture file.

use std::io::{self, BufWriter, Write};

use imafarm_capture::{Act, Host, Packet, Section, Written, write};
use imafarm_emulator::tap::{self, Taped};
use imafarm_proto::host_resolver::Directory;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// How much is handed to Python at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A file of Python's.
struct Sink(Py<PyAny>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Python::attach(|py| self.0.call_method1(py, "write", (PyBytes::new(py, bytes),)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The hosts of a farm, with their addresses: four bytes each.
///
/// Errors: ValueError if there are not as many.
fn hosts(directory: &Directory, addresses: &[u8]) -> PyResult<Vec<Host>> {
    let (addresses, rest) = addresses.as_chunks::<4>();
    if addresses.len() != directory.len() || !rest.is_empty() {
        return Err(PyValueError::new_err("addresses: four bytes for each host"));
    }
    let named = directory.hosts().zip(addresses);
    Ok(named.map(|(host, &address)| Host { name: directory.record(host).name.to_string(), address }).collect())
}

fn packet<'a>(taped: &'a Taped, packet: &tap::Packet) -> Packet<'a> {
    let act = match packet.act {
        tap::Act::Connect => Act::Connect,
        tap::Act::Accept => Act::Accept,
        tap::Act::Message => Act::Message(taped.message(packet)),
        tap::Act::Finish => Act::Finish,
        tap::Act::Refused => Act::Refused,
        tap::Act::Broken => Act::Broken,
    };
    let tap::Packet { time, source, target, connection, .. } = *packet;
    Packet { time_ns: time.0, source, target, connection, act }
}

/// Writes all of it to a file of Python's, with the interpreter released but for that.
///
/// Errors: what the file raises.
pub fn write_to(
    py: Python<'_>,
    directory: &Directory,
    taped: &Taped,
    file: Py<PyAny>,
    addresses: &[u8],
    section: &Section,
) -> PyResult<Written> {
    let hosts = hosts(directory, addresses)?;
    let written = py.detach(|| {
        let mut out = BufWriter::with_capacity(CHUNK_BYTES, Sink(file));
        let packets = taped.packets().iter().map(|one| packet(taped, one));
        let written = write(&mut out, section, &hosts, taped.callers(), packets);
        // What could not be written is not tried again when this is dropped.
        drop(out.into_parts());
        written
    });
    written.map_err(|error| error.0.into())
}
