package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// The frame of MLLP, in which HL7 v2 messages travel.
const start, end = "\x0b", "\x1c\r"

// serveMLLP acknowledges each HL7 message of each connection.
func serveMLLP(address string) error {
	return serve(address, func(c net.Conn, in *bufio.Reader) {
		for {
			message, err := readFrame(in)
			if err != nil {
				return
			}
			fields := append(strings.Split(message, "|"), make([]string, 10)...)
			fmt.Println(strings.ReplaceAll(message, "\r", "\n"))
			fmt.Fprintf(c, "%sMSH|^~\\&|LAB|HOSPITAL|||||ACK|%s|P|2.5\rMSA|AA|%s\r%s", start, fields[9], fields[9], end)
		}
	})
}

// mllpClient sends two messages over one connection, byte by byte the first, ends its side and reads what is left.
func mllpClient(address string) error {
	c, err := net.DialTimeout("tcp", address, 15*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		return err
	}
	in := bufio.NewReader(c)
	message := func(id string) string {
		return start + "MSH|^~\\&|PHARMA|SITE|LAB|HOSPITAL|20260101||ORU^R01|" + id + "|P|2.5\rPID|1||12345^^^MR\rOBX|1|NM|GLU||5.4|mmol/L\r" + end
	}
	for _, b := range []byte(message("1")) {
		if _, err := c.Write([]byte{b}); err != nil {
			return err
		}
	}
	answer, err := readFrame(in)
	fmt.Printf("%q %v\n", answer, err)
	if _, err := io.WriteString(c, message("2")); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	rest, err := io.ReadAll(in)
	fmt.Printf("%q %v\n", rest, err)
	return nil
}

func readFrame(in *bufio.Reader) (string, error) {
	text, err := in.ReadString(end[0])
	if err != nil {
		return "", err
	}
	_, err = in.Discard(1)
	return strings.TrimSuffix(strings.TrimPrefix(text, start), end[:1]), err
}
