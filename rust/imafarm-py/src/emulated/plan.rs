//! What Python says a farm is made of, checked.

use std::sync::Arc;

use imafarm_emulator::farm::{Plan, THREADS_MAX};
use imafarm_emulator::network::Link;
use imafarm_emulator::store_link::StorePlan;
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Span;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::columns::Whole;
use crate::emulated::workload::workloads;
use crate::host_resolver::HostResolver;

/// A farm as Python describes it.
pub struct Sketch<'a, 'py> {
    pub hosts: &'a HostResolver,
    pub seed: Whole,
    pub magic: Whole,
    pub product: &'a str,
    pub host_magic: Option<&'a Bound<'py, PyAny>>,
    pub settings: Option<&'a Bound<'py, PyAny>>,
    pub host_settings: Option<&'a Bound<'py, PyAny>>,
    pub inside: Option<&'a Bound<'py, PyAny>>,
    pub between: Option<&'a Bound<'py, PyAny>>,
    pub links: Option<&'a Bound<'py, PyAny>>,
    pub applications: Vec<(String, Option<Vec<Whole>>)>,
    pub workload: Option<&'a Bound<'py, PyAny>>,
    pub store: Option<&'a Bound<'py, PyAny>>,
    pub wire: bool,
    pub trace: Vec<String>,
    pub threads: Whole,
}

impl Sketch<'_, '_> {
    /// The plan, if all of it can be.
    pub fn plan(self) -> PyResult<Plan> {
        let directory = self.hosts.directory();
        if directory.is_empty() {
            return Err(PyValueError::new_err("hosts: a farm has at least one host"));
        }
        let mut settings = Settings::of(product(self.product)?.profile());
        if let Some(given) = self.settings {
            turn(&mut settings, "settings", given)?;
        }
        let mut host_settings = Vec::new();
        for (host, given) in items("host_settings", self.host_settings)? {
            let host = host.extract::<Whole>()?.within("host_settings", 0, directory.len() as u64 - 1)? as u32;
            let mut own = settings.clone();
            turn(&mut own, &format!("host_settings[{host}]"), &given)?;
            host_settings.push((HostIndex(host), Arc::new(own)));
        }
        let mut host_magic = Vec::new();
        for (host, given) in items("host_magic", self.host_magic)? {
            let host = host.extract::<Whole>()?.within("host_magic", 0, directory.len() as u64 - 1)? as u32;
            let magic = given.extract::<Whole>()?.within(format!("host_magic[{host}]"), 0, u32::MAX.into())? as u32;
            host_magic.push((HostIndex(host), MagicNumber(magic)));
        }
        let between = link("between", Link::BETWEEN, self.between)?;
        let links = links(directory.zone_count() as u64, between, self.links)?;
        let applications = catalogue(directory.len() as u64, self.applications)?;
        Ok(Plan {
            workload: workloads(directory.zone_count() as u64, applications.len(), self.workload)?,
            seed: self.seed.within("seed", 0, u64::MAX)?,
            magic: MagicNumber(self.magic.within("magic", 0, u32::MAX.into())? as u32),
            product: product(self.product)?,
            settings: Arc::new(settings),
            host_settings,
            host_magic,
            inside: link("inside", Link::INSIDE, self.inside)?,
            between,
            links,
            applications,
            store: self.store.map(|given| store(directory.zone_count() as u64, given)).transpose()?,
            wire: self.wire,
            threads: self.threads.within("threads", 1, THREADS_MAX.into())? as u32,
            traced: self.trace.iter().map(|name| kind(name)).collect::<PyResult<_>>()?,
            directory,
        })
    }
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

fn link(key: &str, mut link: Link, given: Option<&Bound<'_, PyAny>>) -> PyResult<Link> {
    for (name, value) in items(key, given)? {
        let (name, value) = (name.extract::<String>()?, whole(key, &name, &value)?);
        link.set(&name, value).map_err(|error| PyValueError::new_err(format!("{key}: {error}")))?;
    }
    Ok(link)
}

/// The links of single pairs of zones, over `between`: each pair once, in either order.
fn links(zones: u64, between: Link, given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(u32, u32, Link)>> {
    let mut links: Vec<(u32, u32, Link)> = Vec::new();
    for (pair, given) in items("links", given)? {
        let (one, other) = pair.extract::<(Whole, Whole)>()?;
        let zone = |zone: Whole| Ok::<_, PyErr>(zone.within("links", 0, zones - 1)? as u32);
        let (one, other) = (zone(one)?, zone(other)?);
        let key = format!("links[{one}, {other}]");
        if one == other {
            return Err(PyValueError::new_err(format!("{key}: a zone has no link to itself")));
        }
        if links.iter().any(|&(a, b, _)| (a, b) == (other, one)) {
            return Err(PyValueError::new_err(format!("{key}: the link is given as [{other}, {one}] already")));
        }
        links.push((one, other, link(&key, between, Some(&given))?));
    }
    Ok(links)
}

/// The applications that a farm begins with, each on hosts that there are.
fn catalogue(hosts: u64, given: Vec<(String, Option<Vec<Whole>>)>) -> PyResult<Catalogue> {
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

/// Where the data store is.
fn store(zones: u64, given: &Bound<'_, PyAny>) -> PyResult<StorePlan> {
    let mut plan = StorePlan::default();
    for (name, value) in items("store", Some(given))? {
        let key = format!("store: {}", name.extract::<String>()?);
        match &*name.extract::<String>()? {
            "round_trip_ns" => {
                let (least, most) = (StorePlan::LEAST_ROUND_TRIP.0, StorePlan::GREATEST_ROUND_TRIP.0);
                plan.round_trip = Span(Whole(whole("store", &name, &value)?).within(key, least, most)?);
            }
            "bandwidth_bps" => {
                plan.bandwidth_bps = Whole(whole("store", &name, &value)?).within(key, 0, 1_000_000_000_000_000)?;
            }
            "replicas" => {
                for zone in value.extract::<Vec<Whole>>()? {
                    plan.replicas.push(zone.within(&key, 0, zones - 1)? as u32);
                }
            }
            _ => return Err(PyValueError::new_err(format!("{key}: there is no such figure of a data store"))),
        }
    }
    Ok(plan)
}

fn whole(key: &str, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<i128> {
    match value.extract::<Whole>() {
        Ok(whole) => Ok(whole.0),
        Err(_) => Err(PyTypeError::new_err(format!("{key}: {name}: {value} is not a whole number"))),
    }
}

fn product(name: &str) -> PyResult<Product> {
    Product::from_name(name).ok_or_else(|| {
        let known = Product::ALL.map(Product::name).join(", ");
        PyValueError::new_err(format!("product: there is no {name:?}; there are {known}"))
    })
}

fn kind(name: &str) -> PyResult<Kind> {
    Kind::from_name(name).ok_or_else(|| {
        let known = Kind::ALL.map(Kind::name).join(", ");
        PyValueError::new_err(format!("trace: there is no kind {name:?}; there are {known}"))
    })
}
