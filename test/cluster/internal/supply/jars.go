package supply

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// jar is an artifact of Maven's central repository, with its checksum.
type jar struct{ group, name, version, sha256 string }

// jars are Apache HttpClient, of which Debian has a version that does not yet ask for an upgrade to TLS by itself, and what it needs.
func jars() []jar {
	return []jar{
		{"org.apache.httpcomponents.client5", "httpclient5", "5.5", "496b4b0e8d5f3a8139a5d2638486d304758bac3a9c39d76989f663cfd9354fc9"},
		{"org.apache.httpcomponents.core5", "httpcore5", "5.3.4", "f2b2fd7a0164e8c3120cd8437bc9fea439239e165c17262b3e907daa7e979f80"},
		{"org.apache.httpcomponents.core5", "httpcore5-h2", "5.3.4", "1fb4f34e4b612e7c127ad693335583587850b17ce9b1c366f9de1ca49fe2c781"},
		{"org.slf4j", "slf4j-api", "1.7.36", "d3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0"},
	}
}

func jarStamp() string {
	var all []string
	for _, j := range jars() {
		all = append(all, j.sha256)
	}
	return strings.Join(all, " ")
}

// copyGoal is Maven's own way to fetch artifacts.
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

// fetchJars lets Maven, which knows the machine's repository, fetch the jars into to/jars, and compares their checksums.
func fetchJars(ctx context.Context, to string) error {
	dir, err := os.MkdirTemp("", "jars-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(project()), 0o644); err != nil {
		return err
	}
	jarDir := filepath.Join(to, "jars")
	if _, err := run(ctx, dir, "mvn", "--quiet", "--batch-mode", copyGoal, "-DexcludeTransitive=true", "-DoutputDirectory="+jarDir); err != nil {
		return err
	}
	for _, j := range jars() {
		content, err := os.ReadFile(filepath.Join(jarDir, j.name+"-"+j.version+".jar"))
		if err != nil {
			return fmt.Errorf("maven fetched no %s: %w", j.name, err)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(content)); sum != j.sha256 {
			return fmt.Errorf("%s %s has the checksum %s, want %s", j.name, j.version, sum, j.sha256)
		}
	}
	return nil
}

// project is a Maven project that does nothing but depend on the jars.
func project() string {
	var b strings.Builder
	b.WriteString("<project><modelVersion>4.0.0</modelVersion><groupId>io.liqo.data-space</groupId><artifactId>jars</artifactId><version>1</version>" +
		"<packaging>pom</packaging><dependencies>")
	for _, j := range jars() {
		fmt.Fprintf(&b, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>", j.group, j.name, j.version)
	}
	b.WriteString("</dependencies></project>\n")
	return b.String()
}
