import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * What an administrator of a cluster does, one command a line, each answered by "ok" or "error: ...":
 * topic NAME PARTITIONS; scram USER MECHANISM PASSWORD; grant or revoke USER TYPE NAME PATTERN OPERATION.
 * Argument: the bootstrap address of a listener whose users may do everything.
 */
public final class ClusterAdmin {
  private final Admin admin;

  private ClusterAdmin(Admin admin) {
    this.admin = admin;
  }

  public static void main(String[] args) throws Exception {
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      ClusterAdmin self = new ClusterAdmin(admin);
      for (String line = commands.readLine(); line != null; line = commands.readLine()) {
        try {
          self.run(line.split(" "));
          System.out.println("ok");
        } catch (Exception failed) {
          System.out.println("error: " + failed);
        }
        System.out.flush();
      }
    }
  }

  private void run(String[] words) throws Exception {
    switch (words[0]) {
      case "topic" -> admin.createTopics(List.of(new NewTopic(words[1], Integer.parseInt(words[2]), (short) 1)))
          .all().get(30, TimeUnit.SECONDS);
      case "scram" -> admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(words[1],
              new ScramCredentialInfo(ScramMechanism.fromMechanismName(words[2]), 4096), words[3])))
          .all().get(30, TimeUnit.SECONDS);
      case "grant" -> admin.createAcls(List.of(binding(words))).all().get(30, TimeUnit.SECONDS);
      case "revoke" -> admin.deleteAcls(List.of(binding(words).toFilter())).all().get(30, TimeUnit.SECONDS);
      default -> throw new IllegalArgumentException("no such command: " + words[0]);
    }
  }

  private static AclBinding binding(String[] words) {
    return new AclBinding(
        new ResourcePattern(ResourceType.valueOf(words[2]), words[3], PatternType.valueOf(words[4])),
        new AccessControlEntry("User:" + words[1], "*", AclOperation.valueOf(words[5]), AclPermissionType.ALLOW));
  }
}
