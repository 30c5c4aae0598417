// Package image builds the project's images from its Dockerfiles without a container engine, and loads them into nodes.
package image
