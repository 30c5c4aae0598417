import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Collections;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http2.Http2Protocol;

/** Tomcat with one servlet, which answers with the request as it saw it. Argument: port. */
public class TomcatServer {
    public static void main(String[] args) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir("/tmp/tomcat");
        Connector connector = new Connector();
        connector.setPort(Integer.parseInt(args[0]));
        connector.addUpgradeProtocol(new Http2Protocol());
        connector.setProperty("server", "as set");
        tomcat.setConnector(connector);
        Context context = tomcat.addContext("", "/tmp");
        context.setIgnoreAnnotations(true);
        Tomcat.addServlet(context, "mirror", new HttpServlet() {
            @Override
            protected void service(HttpServletRequest q, HttpServletResponse r) throws IOException {
                StringBuilder text = new StringBuilder(q.getMethod() + " " + q.getRequestURL() + " " + q.getRequestURI() + " " + q.getQueryString() + " " + q.getProtocol() + "\n");
                for (String name : Collections.list(q.getHeaderNames())) text.append(name).append(": ").append(Collections.list(q.getHeaders(name))).append('\n');
                text.append(q.getRemoteAddr()).append(' ').append(q.getServerName()).append(' ').append(q.getServerPort()).append('\n');
                text.append(new String(q.getInputStream().readAllBytes()));
                while (text.length() < 4096) text.append('\n');
                r.setStatus(q.getRequestURI().equals("/gone") ? 410 : 200);
                r.addHeader("X-Two", "1");
                r.addHeader("X-Two", "2");
                r.getOutputStream().write(text.toString().getBytes());
            }
        });
        context.addServletMappingDecoded("/", "mirror");
        tomcat.start();
        tomcat.getServer().await();
    }
}
