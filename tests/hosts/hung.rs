//! A file system that never answers, as that of a machine that is gone: who asks it for something waits, and no
//! signal ends that.

use crate::common;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where it is mounted.
const FOLDER: &str = "/mnt";
/// See fuse(4) and linux/fuse.h.
const INIT: u32 = 26;

/// It is there until this is dropped; whoever waits goes on then, with an error.
pub struct FileSystem {
    asked: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl FileSystem {
    /// Mounts it where the process `pid` sees it. Says why there is none.
    pub fn mount(pid: u32) -> Option<FileSystem> {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let (true, Ok(device)) = (common::is_root(), device) else {
            eprintln!("SKIP a program that waits in the kernel: /dev/fuse cannot be opened");
            return None;
        };
        rustix::io::fcntl_setfd(&device, rustix::io::FdFlags::empty()).unwrap();
        let fd = device.as_raw_fd();
        let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other");
        let mut mount = Command::new("nsenter");
        mount.args(["--target", &pid.to_string(), "--mount", "mount", "-i", "-t", "fuse"]);
        assert!(mount.args(["-o", &options, "hung", FOLDER]).status().unwrap().success());
        rustix::io::fcntl_setfd(&device, rustix::io::FdFlags::CLOEXEC).unwrap();
        let [asked, over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let notes = (Arc::clone(&asked), Arc::clone(&over));
        std::thread::spawn(move || serve(&device, &notes.0, &notes.1));
        Some(FileSystem { asked, over })
    }

    /// One that it is asked for in vain.
    pub fn file(&self) -> PathBuf {
        Path::new(FOLDER).join("never")
    }

    pub fn wait_for_a_request(&self) {
        common::wait_for("a request", || self.asked.load(Ordering::Relaxed));
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Answers the first question, which the kernel asks of itself, and takes note of all others.
fn serve(mut device: &File, asked: &AtomicBool, over: &AtomicBool) {
    let mut request = vec![0; 1 << 20];
    while !over.load(Ordering::Relaxed) {
        let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        if poll(&mut [PollFd::new(&device, PollFlags::IN)], Some(&moment)).unwrap() == 0 {
            continue;
        }
        // Until it is unmounted.
        let Ok(40..) = device.read(&mut request) else { return };
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        if word(4) != INIT {
            asked.store(true, Ordering::Relaxed);
            continue;
        }
        // Version 7.31, and as much as there may be at once.
        let mut words = [0u32; 20];
        words[0] = 80;
        (words[2], words[3]) = (word(8), word(12));
        (words[4], words[5]) = (7, 31);
        (words[6], words[9]) = (1 << 16, 1 << 16);
        let answer: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let _ = device.write(&answer);
    }
}
