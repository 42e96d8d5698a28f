//! What Python says the hosts of a farm are, checked, whichever world drives them.

use std::sync::Arc;

use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::MagicNumber;
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::columns::Whole;
use crate::host_resolver::HostResolver;

/// The settings of some hosts.
pub type HostSettings = Vec<(HostIndex, Arc<Settings>)>;

/// Who is in the farm.
pub fn directory(hosts: &HostResolver) -> PyResult<Arc<Directory>> {
    let directory = hosts.directory();
    if directory.is_empty() {
        return Err(PyValueError::new_err("hosts: a farm has at least one host"));
    }
    Ok(directory)
}

/// The settings of all hosts, and of those that have others, in a farm of so many.
pub fn settings(
    product: Product,
    hosts: u64,
    given: Option<&Bound<'_, PyAny>>,
    of_hosts: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Arc<Settings>, HostSettings)> {
    let mut settings = Settings::of(product.profile());
    if let Some(given) = given {
        turn(&mut settings, "settings", given)?;
    }
    let mut host_settings = Vec::new();
    for (host, given) in items("host_settings", of_hosts)? {
        let host = host.extract::<Whole>()?.within("host_settings", 0, hosts - 1)? as u32;
        let mut own = settings.clone();
        turn(&mut own, &format!("host_settings[{host}]"), &given)?;
        host_settings.push((HostIndex(host), Arc::new(own)));
    }
    Ok((Arc::new(settings), host_settings))
}

/// The numbers of those hosts that have their own, in a farm of so many.
pub fn host_magic(hosts: u64, given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(HostIndex, MagicNumber)>> {
    let mut numbers = Vec::new();
    for (host, given) in items("host_magic", given)? {
        let host = host.extract::<Whole>()?.within("host_magic", 0, hosts - 1)? as u32;
        numbers.push((HostIndex(host), magic(&format!("host_magic[{host}]"), given.extract::<Whole>()?)?));
    }
    Ok(numbers)
}

/// A farm's number.
pub fn magic(key: &str, given: Whole) -> PyResult<MagicNumber> {
    Ok(MagicNumber(given.within(key, 0, u32::MAX.into())? as u32))
}

/// The applications that a farm begins with, each on hosts that there are.
pub fn catalogue(hosts: u64, given: Vec<(String, Option<Vec<Whole>>)>) -> PyResult<Catalogue> {
    let mut applications = Vec::new();
    for (name, servers) in given {
        let key = format!("applications[{name:?}]");
        let host = |host: Whole| Ok::<_, PyErr>(HostIndex(host.within(&key, 0, hosts - 1)? as u32));
        let servers = match servers {
            None => Servers::All,
            Some(servers) => Servers::only(servers.into_iter().map(host).collect::<PyResult<_>>()?),
        };
        applications.push((name.into(), servers));
    }
    Catalogue::new(applications).map_err(|error| PyValueError::new_err(error.to_string()))
}

pub fn whole(key: &str, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<i128> {
    match value.extract::<Whole>() {
        Ok(whole) => Ok(whole.0),
        Err(_) => Err(PyTypeError::new_err(format!("{key}: {name}: {value} is not a whole number"))),
    }
}

pub fn product(name: &str) -> PyResult<Product> {
    Product::from_name(name).ok_or_else(|| {
        let known = Product::ALL.map(Product::name).join(", ");
        PyValueError::new_err(format!("product: there is no {name:?}; there are {known}"))
    })
}

pub type Items<'py> = Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>;

pub fn items<'py>(key: &str, given: Option<&Bound<'py, PyAny>>) -> PyResult<Items<'py>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let mapping = given.cast::<PyMapping>().map_err(|_| PyTypeError::new_err(format!("{key}: not a mapping")))?;
    mapping.items()?.iter().map(|item| item.extract()).collect()
}

fn turn(settings: &mut Settings, key: &str, given: &Bound<'_, PyAny>) -> PyResult<()> {
    for (name, value) in items(key, Some(given))? {
        let (name, value) = (name.extract::<String>()?, whole(key, &name, &value)?);
        settings.set(&name, value).map_err(|error| PyValueError::new_err(format!("{key}: {error}")))?;
    }
    Ok(())
}
