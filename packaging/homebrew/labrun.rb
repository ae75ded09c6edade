# The formula for a tap of Homebrew. `.ci/formula` fills in the version and the checksums of a release, and the release
# workflow adds the result to it.
class Labrun < Formula
  desc "Network-service test labs: real daemons, real clients, nothing left behind"
  homepage "https://github.com/OWNER/labrun"
  version "VERSION"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    # Labs run in a virtual machine of it.
    depends_on "lima"

    on_arm do
      url "https://github.com/OWNER/labrun/releases/download/vVERSION/labrun-aarch64-apple-darwin.tar.gz"
      sha256 "SHA256 aarch64-apple-darwin"
    end
    on_intel do
      url "https://github.com/OWNER/labrun/releases/download/vVERSION/labrun-x86_64-apple-darwin.tar.gz"
      sha256 "SHA256 x86_64-apple-darwin"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/OWNER/labrun/releases/download/vVERSION/labrun-aarch64-unknown-linux-musl.tar.gz"
      sha256 "SHA256 aarch64-unknown-linux-musl"
    end
    on_intel do
      url "https://github.com/OWNER/labrun/releases/download/vVERSION/labrun-x86_64-unknown-linux-musl.tar.gz"
      sha256 "SHA256 x86_64-unknown-linux-musl"
    end
  end

  def install
    bin.install "labrun"
    generate_completions_from_executable(bin/"labrun", "completions")
    system bin/"labrun", "man", man1
  end

  def caveats
    "`labrun doctor` says what this machine lacks for a lab."
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/labrun --version")
    # Whether a lab is right needs no Linux to say.
    (testpath/"lab.yaml").write <<~YAML
      lab: pair
      nodes:
        a: {links: {eth0: {peer: b/eth0, addresses: 10.0.0.1/24}}}
        b: {links: {eth0: {peer: a/eth0, addresses: 10.0.0.2/24}}}
    YAML
    system bin/"labrun", "check", "lab.yaml"
  end
end
