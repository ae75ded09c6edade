//! Whether a program could run on another machine, by the first bytes of its file.

/// Whether a program that begins with `head` runs under Linux on `processor`, as uname(1) calls it.
/// What cannot be told passes: then the machine says it.
///
/// # Errors
/// What the program is made for instead.
pub fn runs_on(head: &[u8], processor: &str) -> Result<(), String> {
    match head {
        // Mach-O, also for several processors (mach-o/loader.h, mach-o/fat.h), and PE.
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            return Err("a program for macOS".into());
        }
        [b'M', b'Z', ..] => return Err("a program for Windows".into()),
        [0x7f, b'E', b'L', b'F', ..] if head.len() >= 20 => {}
        _ => return Ok(()),
    }
    // elf(5): EI_DATA says how e_machine, at 18, is to be read; EI_OSABI is 0 or 3 for Linux.
    let system = head[7];
    if system != 0 && system != 3 {
        return Err(format!("a program for another system (ELF OS ABI {system})"));
    }
    let bytes = [head[18], head[19]];
    let made_for = if head[5] == 2 { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    let known = PROCESSORS.iter().find(|(_, machine)| *machine == made_for);
    let same = |name: &str| processor == name || RUNS_TOO.contains(&(processor, name));
    match known {
        Some((name, _))
            if !same(name) && PROCESSORS.iter().any(|(known, _)| *known == processor) =>
        {
            Err(format!("a program for {name}"))
        }
        _ => Ok(()),
    }
}

/// Names of uname(1) and values of e_machine (elf.h).
const PROCESSORS: [(&str, u16); 8] = [
    ("x86_64", 62),
    ("aarch64", 183),
    ("i686", 3),
    ("armv7l", 40),
    ("riscv64", 243),
    ("ppc64le", 21),
    ("s390x", 22),
    ("loongarch64", 258),
];

/// What runs programs of another kind, too.
const RUNS_TOO: [(&str, &str); 2] = [("x86_64", "i686"), ("aarch64", "armv7l")];

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(system: u8, data: u8, machine: u16) -> Vec<u8> {
        let mut head =
            vec![0x7f, b'E', b'L', b'F', 2, data, 1, system, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0];
        head.extend(if data == 2 { machine.to_be_bytes() } else { machine.to_le_bytes() });
        head
    }

    #[test]
    fn a_program_for_another_processor_is_named() {
        assert_eq!(runs_on(&elf(0, 1, 62), "x86_64"), Ok(()));
        assert_eq!(runs_on(&elf(3, 1, 183), "aarch64"), Ok(()));
        assert_eq!(runs_on(&elf(0, 1, 3), "x86_64"), Ok(()));
        assert_eq!(runs_on(&elf(0, 2, 22), "s390x"), Ok(()));
        assert_eq!(runs_on(&elf(0, 1, 62), "aarch64"), Err("a program for x86_64".into()));
        assert_eq!(runs_on(&elf(0, 1, 183), "x86_64"), Err("a program for aarch64".into()));
        assert_eq!(runs_on(&elf(0, 2, 22), "x86_64"), Err("a program for s390x".into()));
    }

    #[test]
    fn a_program_for_another_system_is_named() {
        assert_eq!(
            runs_on(&[0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1], "x86_64"),
            Err("a program for macOS".into())
        );
        assert_eq!(runs_on(b"MZ\x90\0", "x86_64"), Err("a program for Windows".into()));
        assert!(runs_on(&elf(9, 1, 62), "x86_64").is_err());
    }

    #[test]
    fn what_cannot_be_told_passes() {
        for head in [&b"#!/bin/sh\n"[..], b"", b"\x7fELF", &elf(0, 1, 999), &elf(0, 1, 62)] {
            assert_eq!(
                runs_on(head, if head.len() == 20 { "unheard-of" } else { "x86_64" }),
                Ok(())
            );
        }
    }

    #[test]
    fn this_very_program_runs_here() {
        let head = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let foreign = if cfg!(target_arch = "aarch64") { "x86_64" } else { "aarch64" };
        if cfg!(target_os = "linux") {
            assert_eq!(runs_on(&head, std::env::consts::ARCH), Ok(()));
            assert!(runs_on(&head, foreign).is_err());
        }
    }
}
