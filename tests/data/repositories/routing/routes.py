"""Routes of the kernel."""
import subprocess


def add(network, via):
    subprocess.run(["ip", "route", "replace", network, "via", via], check=True)
