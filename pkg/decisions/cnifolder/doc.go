// Package cnifolder decides in which folders of a node the container runtime reads CNI configurations and finds CNI plugins.
package cnifolder
