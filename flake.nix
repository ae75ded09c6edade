{
  description = "Network-service test labs: real daemons, real clients, nothing left behind";

  # Rust has to be 1.89 or later there.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      # On other systems labrun needs the agents that `.ci/agents` builds for Linux.
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      cargo = builtins.fromTOML (builtins.readFile ./Cargo.toml);
    in
    {
      packages = each (pkgs: rec {
        default = labrun;
        labrun = pkgs.rustPlatform.buildRustPackage {
          pname = "labrun";
          version = cargo.package.version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          nativeBuildInputs = [ pkgs.installShellFiles pkgs.makeWrapper ];
          # They make namespaces, which a build may not.
          doCheck = false;
          # The machine's own programs come first.
          postInstall = ''
            $out/bin/labrun man man
            installManPage man/*.1
            for shell in bash zsh fish; do $out/bin/labrun completions $shell >labrun.$shell; done
            installShellCompletion labrun.{bash,zsh,fish}
            wrapProgram $out/bin/labrun \
              --suffix PATH : ${nixpkgs.lib.makeBinPath [ pkgs.bash pkgs.coreutils pkgs.iproute2 pkgs.util-linux ]}
          '';
          meta = {
            description = cargo.package.description;
            homepage = cargo.package.repository;
            license = [ nixpkgs.lib.licenses.mit nixpkgs.lib.licenses.asl20 ];
            mainProgram = "labrun";
            platforms = systems;
          };
        };
      });
    };
}
