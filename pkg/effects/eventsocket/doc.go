// Package eventsocket answers a watch by a websocket, as the API server does: each event is one text message. What the client sends is dropped, and bounded.
package eventsocket
