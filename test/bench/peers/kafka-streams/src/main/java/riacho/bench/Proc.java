package riacho.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** What this process has used, its compiler's and collector's threads included. */
final class Proc {
  private static final OperatingSystemMXBean OS = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  /** One moment; a difference of two is one measured interval. */
  static final class Mark {
    final long nanos = System.nanoTime();
    final double cpu = OS.getProcessCpuTime() / 1e9;

    void since(Mark from, long records, Map<String, Object> to) {
      to.put("records", records);
      to.put("wallSeconds", (nanos - from.nanos) / 1e9);
      to.put("cpuSeconds", cpu - from.cpu);
      to.put("peakRssMB", peakRssMB());
    }
  }

  static long peakRssMB() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status")))
        if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
    } catch (IOException e) { /* not Linux */ }
    return -1;
  }
}
