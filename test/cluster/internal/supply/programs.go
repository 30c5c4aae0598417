package supply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
)

// programSuite is the release of Debian that the clients and servers of test/transparent come from.
const programSuite = "trixie"

// programPackages are those clients and servers, and the commands that their start scripts call.
func programPackages() []string {
	return []string{
		"base-files", "coreutils", "dash", "grep", "hostname", "libc-bin", "mawk", "media-types", "netbase", "sed",
		"apache2-bin", "curl", "dcmtk", "gunicorn", "libtomcat10-embed-java", "libtomcat10-java", "mariadb-client-core", "mariadb-server-core",
		"nats-server", "netcat-openbsd", "nghttp2-client", "nginx", "node-ws", "nodejs", "openjdk-21-jre-headless", "openssl",
		"postgresql-17", "python3-aiohttp", "python3-aiosmtpd", "python3-pyftpdlib", "python3-requests", "redis-server", "squid", "wget",
	}
}

// unusedPaths are parts of the packages that no test reads. They are half of the size.
func unusedPaths() []string {
	return []string{
		"boot", "usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/i18n", "usr/share/squid-langpack",
		"usr/lib/x86_64-linux-gnu/libLLVM*", "usr/lib/x86_64-linux-gnu/libz3*", "usr/lib/systemd", "var/lib/apt", "var/cache/apt",
	}
}

// accounts are the users that the programs look up: postinst scripts, which would add them, do not run.
const (
	accounts = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\nproxy:x:13:13:proxy:/tmp:/bin/sh\n"
	groups   = "root:x:0:\napp:x:1000:\nproxy:x:13:\n"
)

// Programs fetches the clients and servers of test/transparent into one root directory, unless the cache holds it. The
// packages are the newest of that day; removing the directory has the next call take newer ones.
func Programs(ctx context.Context, dirs plan.Dirs, progress *steps.Log) error {
	stamp := strings.Join(append(programPackages(), programSuite, jarStamp()), " ")
	if have, err := os.ReadFile(filepath.Join(dirs.Programs(), "stamp")); err == nil && string(have) == stamp {
		return nil
	}
	needed := []tool{{"mmdebstrap", "mmdebstrap"}, {"mvn", "maven"}}
	if err := install(ctx, progress, missingPackages(needed, exec.LookPath)); err != nil {
		return err
	}
	return progress.Do("fetched the clients and servers of Debian "+programSuite, func() error {
		return fetchPrograms(ctx, dirs.Programs(), stamp)
	})
}

func fetchPrograms(ctx context.Context, dir, stamp string) error {
	work := dir + ".new"
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := extract(ctx, work, programPackages()); err != nil {
		return err
	}
	if err := errors.Join(arrangePrograms(ctx, filepath.Join(work, "root")), fetchJars(ctx, filepath.Join(work, "root", "opt"))); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(work, "stamp"), []byte(stamp), 0o644), os.RemoveAll(dir), os.Rename(work, dir))
}

// extract unpacks packages with all that they need into the folder root of a folder; their scripts do not run.
func extract(ctx context.Context, work string, packages []string) error {
	sources, err := mirrors(ctx, programSuite)
	if err != nil {
		return err
	}
	list := filepath.Join(work, "sources.list")
	if err := os.WriteFile(list, []byte(sources), 0o644); err != nil {
		return err
	}
	_, err = run(ctx, "", "mmdebstrap", "--quiet", "--mode=root", "--variant=extract", "--include="+strings.Join(packages, ","),
		`--aptopt=Acquire::Retries "5"`, `--aptopt=Acquire::Languages "none"`, programSuite, filepath.Join(work, "root"), list)
	return err
}

// arrangePrograms makes the unpacked packages a root directory that programs run in.
func arrangePrograms(ctx context.Context, root string) error {
	for _, pattern := range unusedPaths() {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	for file, text := range map[string]string{
		"etc/passwd": accounts, "etc/group": groups, "etc/hosts": "", "etc/resolv.conf": "", "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
	} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, d := range []string{"dev", "proc", "run", "srv", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	_, err := run(ctx, "", "chroot", root, "python3", "-m", "compileall", "-q", "/usr/lib/python3", "/usr/lib/python3.13")
	if err != nil {
		return fmt.Errorf("compile the Python packages: %w", err)
	}
	return nil
}
