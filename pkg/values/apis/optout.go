package apis

// WebhookEnabled reports whether a namespace with these labels leaves the webhook (and the ConfigMap it relies on) on.
// Only the exact value "false" turns it off: a value that is not understood leaves the guard up.
func WebhookEnabled(labels map[string]string) bool {
	return labels[LabelApplyWebhook] != "false"
}

// HTTPProxyWanted reports whether a namespace with these labels asks for http_proxy in its containers' environment.
func HTTPProxyWanted(labels map[string]string) bool {
	return labels[LabelHTTPProxy] == "true"
}
