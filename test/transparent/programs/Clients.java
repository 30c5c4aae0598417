import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.classic.methods.HttpPost;
import org.apache.hc.client5.http.classic.methods.HttpPut;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.http.io.entity.InputStreamEntity;
import org.apache.hc.core5.http.io.entity.StringEntity;

/** HTTP clients of Java: each sends a few requests and prints all that it was answered. Arguments: client, base URL. */
public class Clients {
    static String base;

    public static void main(String[] args) throws Exception {
        base = args[1];
        try {
            switch (args[0]) {
                case "apache" -> apache();
                case "http" -> http(HttpClient.Version.HTTP_2);
                case "http1" -> http(HttpClient.Version.HTTP_1_1);
                case "url" -> url();
                case "websocket" -> websocket();
            }
        } catch (Exception e) {
            System.out.println("ERROR " + e);
            System.exit(1);
        }
    }

    static void apache() throws Exception {
        try (CloseableHttpClient client = HttpClients.createDefault()) {
            HttpPost post = new HttpPost(base + "/post");
            post.setEntity(new StringEntity("{\"a\":1}", ContentType.APPLICATION_JSON));
            HttpPut put = new HttpPut(base + "/put");
            put.setEntity(new InputStreamEntity(new java.io.ByteArrayInputStream("unknown length".getBytes()), ContentType.APPLICATION_OCTET_STREAM));
            HttpGet upgrade = new HttpGet(base + "/again");
            upgrade.setHeader("X-MiXed", "Case");
            for (HttpUriRequestBase request : List.of(new HttpGet(base + "/patients"), post, put, upgrade)) {
                client.execute(request, response -> {
                    System.out.println("== " + request.getMethod() + " " + response.getCode() + " " + response.getReasonPhrase());
                    Arrays.stream(response.getHeaders()).forEach(System.out::println);
                    System.out.println(response.getEntity() == null ? null : EntityUtils.toString(response.getEntity()));
                    return null;
                });
            }
        }
    }

    static void http(HttpClient.Version version) throws Exception {
        HttpClient client = HttpClient.newBuilder().version(version).build();
        for (HttpRequest.Builder b : List.of(
                HttpRequest.newBuilder().uri(URI.create(base + "/get?x=%2F")).header("X-MiXed", "Case"),
                HttpRequest.newBuilder().uri(URI.create(base + "/post")).POST(HttpRequest.BodyPublishers.ofString("body")),
                HttpRequest.newBuilder().uri(URI.create(base + "/expect")).expectContinue(true).POST(HttpRequest.BodyPublishers.ofString("body")),
                HttpRequest.newBuilder().uri(URI.create(base + "/own")).method("REPORT", HttpRequest.BodyPublishers.noBody()))) {
            HttpResponse<String> r = client.send(b.timeout(java.time.Duration.ofSeconds(15)).build(), HttpResponse.BodyHandlers.ofString());
            System.out.println("== " + r.version() + " " + r.statusCode());
            new TreeMap<>(r.headers().map()).forEach((k, v) -> System.out.println(k + ": " + v));
            System.out.println(r.body());
        }
    }

    static void url() throws Exception {
        for (String path : List.of("/get", "/post", "/gone")) {
            HttpURLConnection c = (HttpURLConnection) URI.create(base + path).toURL().openConnection();
            c.setRequestProperty("User-Agent", "url");
            if (path.equals("/post")) {
                c.setDoOutput(true);
                c.setChunkedStreamingMode(4);
                c.getOutputStream().write("0123456789".getBytes());
            }
            System.out.println("== " + c.getResponseCode() + " " + c.getResponseMessage());
            for (int i = 0; c.getHeaderField(i) != null; i++) System.out.println(c.getHeaderFieldKey(i) + ": " + c.getHeaderField(i));
            try (InputStream in = c.getErrorStream() != null ? c.getErrorStream() : c.getInputStream()) {
                System.out.println(new String(in.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
    }

    static void websocket() throws Exception {
        CompletableFuture<String> ended = new CompletableFuture<>();
        WebSocket ws = HttpClient.newHttpClient().newWebSocketBuilder().subprotocols("chat").buildAsync(URI.create(base.replace("http", "ws") + "/ws"), new WebSocket.Listener() {
            public CompletionStage<?> onText(WebSocket w, CharSequence data, boolean last) {
                System.out.println("text " + data + " " + last);
                w.request(1);
                return null;
            }
            public CompletionStage<?> onClose(WebSocket w, int code, String reason) {
                ended.complete("closed " + code + " " + reason);
                return null;
            }
            public void onError(WebSocket w, Throwable e) {
                ended.complete("ERROR " + e);
            }
        }).get(15, TimeUnit.SECONDS);
        System.out.println("protocol " + ws.getSubprotocol());
        ws.sendText("hello", true).get(15, TimeUnit.SECONDS);
        ws.sendText("bye", true).get(15, TimeUnit.SECONDS);
        System.out.println(ended.get(15, TimeUnit.SECONDS));
    }
}
