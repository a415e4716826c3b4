//! How this libsel4 differs from others, as cfgs for dependents.
//!
//! libsel4 changed between 5.0.0 and 16, and MCS kernels have another interface. A dependent that is to compile with
//! all of them asks by cfg. Each cfg is one line in [`CFGS`], with the name in the headers that decides it.

use std::collections::{BTreeMap, BTreeSet};

use crate::prefix::Prefix;

/// What decides a cfg.
enum When {
    /// Always, once there are bindings.
    Bound,
    /// The headers define this name: a function, a type, an enumerator or a macro.
    Has(&'static str),
    /// The configuration sets this option to a number above the given one.
    Above(&'static str, u64),
    /// This function has a parameter of this name.
    Takes(&'static str, &'static str),
}

use When::{Above, Bound, Has, Takes};

/// Every cfg, in groups: configuration of the kernel, calls that exist, forms of calls, names of objects.
const CFGS: &[(&str, When)] = &[
    ("sel4_bindings", Bound),
    ("sel4_mcs", Above("CONFIG_KERNEL_MCS", 0)),
    ("sel4_smp", Above("CONFIG_MAX_NUM_NODES", 1)),
    ("sel4_hypervisor", Above("CONFIG_ARM_HYPERVISOR_SUPPORT", 0)),
    ("sel4_debug", Above("CONFIG_DEBUG_BUILD", 0)),
    ("sel4_printing", Above("CONFIG_PRINTING", 0)),
    ("sel4_has_ptmr_user", Above("CONFIG_EXPORT_PTMR_USER", 0)),
    ("sel4_has_vcnt_user", Above("CONFIG_EXPORT_VCNT_USER", 0)),
    ("sel4_has_debug_put_char", Has("seL4_DebugPutChar")),
    ("sel4_has_debug_name_thread", Has("seL4_DebugNameThread")),
    ("sel4_has_debug_cap_identify", Has("seL4_DebugCapIdentify")),
    ("sel4_has_set_tls_base", Has("seL4_SetTLSBase")),
    ("sel4_has_tcb_set_tls_base", Has("seL4_TCB_SetTLSBase")),
    ("sel4_has_tcb_set_sched_params", Has("seL4_TCB_SetSchedParams")),
    ("sel4_has_tcb_set_affinity", Has("seL4_TCB_SetAffinity")),
    ("sel4_has_tcb_set_flags", Has("seL4_TCB_SetFlags")),
    ("sel4_has_irq_control_get_trigger", Has("seL4_IRQControl_GetTrigger")),
    ("sel4_has_cnode_save_caller", Has("seL4_CNode_SaveCaller")),
    ("sel4_has_page_remap", Has("seL4_ARM_Page_Remap")),
    ("sel4_has_page_directory", Has("seL4_ARM_PageDirectory_Map")),
    ("sel4_has_page_upper_directory", Has("seL4_ARM_PageUpperDirectory_Map")),
    ("sel4_has_vspace_object", Has("seL4_ARM_VSpaceObject")),
    ("sel4_has_vspace_clean", Has("seL4_ARM_VSpace_Clean_Data")),
    ("sel4_has_cap_data", Has("seL4_CapData_t")),
    ("sel4_has_cnode_cap_data", Has("seL4_CNode_CapData_t")),
    ("sel4_has_set_ipc_buffer", Has("seL4_SetIPCBuffer")),
    ("sel4_tcb_configure_takes_fault_ep", Takes("seL4_TCB_Configure", "fault_ep")),
    ("sel4_tcb_configure_takes_priority", Takes("seL4_TCB_Configure", "priority")),
    ("sel4_tcb_set_priority_takes_authority", Takes("seL4_TCB_SetPriority", "authority")),
    ("sel4_cap_rights_take_grant_reply", Takes("seL4_CapRights_new", "capAllowGrantReply")),
];

/// Every name that the bindings define.
#[derive(Default)]
pub struct Names {
    /// Functions, with the names of their parameters.
    functions: BTreeMap<String, Vec<String>>,
    /// Constants, with their value where it is a plain number.
    constants: BTreeMap<String, Option<u64>>,
    types: BTreeSet<String>,
}

impl Names {
    /// Reads the names from bindgen's output.
    pub fn parse(bindings: &str) -> syn::Result<Self> {
        let mut names = Self::default();
        for item in syn::parse_file(bindings)?.items {
            match item {
                syn::Item::ForeignMod(block) => {
                    for item in block.items {
                        if let syn::ForeignItem::Fn(function) = item {
                            names.functions.insert(function.sig.ident.to_string(), parameters(&function.sig));
                        }
                    }
                }
                syn::Item::Const(constant) => {
                    names.constants.insert(constant.ident.to_string(), number(&constant.expr));
                }
                syn::Item::Struct(item) => _ = names.types.insert(item.ident.to_string()),
                syn::Item::Union(item) => _ = names.types.insert(item.ident.to_string()),
                syn::Item::Type(item) => _ = names.types.insert(item.ident.to_string()),
                _ => {}
            }
        }
        Ok(names)
    }

    fn satisfy(&self, when: &When) -> bool {
        match when {
            Bound => true,
            Has(name) => {
                self.functions.contains_key(*name) || self.constants.contains_key(*name) || self.types.contains(*name)
            }
            Above(option, limit) => self.constants.get(*option).is_some_and(|value| value.is_some_and(|v| v > *limit)),
            Takes(function, parameter) => {
                self.functions.get(*function).is_some_and(|names| names.iter().any(|name| name == parameter))
            }
        }
    }
}

fn parameters(signature: &syn::Signature) -> Vec<String> {
    let name = |input: &syn::FnArg| match input {
        syn::FnArg::Typed(typed) => match &*typed.pat {
            syn::Pat::Ident(pattern) => Some(pattern.ident.to_string()),
            _ => None,
        },
        syn::FnArg::Receiver(_) => None,
    };
    signature.inputs.iter().filter_map(name).collect()
}

fn number(expression: &syn::Expr) -> Option<u64> {
    match expression {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => number.base10_parse().ok(),
        _ => None,
    }
}

/// The cfgs that hold.
pub fn of(names: &Names) -> Vec<&'static str> {
    CFGS.iter().filter(|(_, when)| names.satisfy(when)).map(|(cfg, _)| *cfg).collect()
}

/// `cfg(a, b, ...)`: all that exist, as `rustc-check-cfg` takes it.
pub fn check_cfg() -> String {
    format!("cfg({})", CFGS.iter().map(|(cfg, _)| *cfg).collect::<Vec<_>>().join(", "))
}

/// Hands the cfgs to dependents: their build scripts see `DEP_SEL4_CFGS`, `DEP_SEL4_CHECK_CFG`, `DEP_SEL4_INCLUDE`.
pub fn tell_dependents(cfgs: &[&str], prefix: Option<&Prefix>) {
    println!("cargo::metadata=CFGS={}", cfgs.join(" "));
    println!("cargo::metadata=CHECK_CFG={}", check_cfg());
    if let Some(prefix) = prefix {
        println!("cargo::metadata=INCLUDE={}", prefix.include.display());
    }
}
