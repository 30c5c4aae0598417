// Package browser looks at the page of "kubectl dataspace report" in headless Chromium (tests with the tag browser).
package browser
