// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "clients/cli/commands.h"
#include "clients/cli/doctor.h"
#include "clients/cli/output.h"
#include "clients/cli/settings.h"
#include "common/base/end_signal.h"
#include "common/base/status.h"

namespace {

using namespace sluice;  // NOLINT(google-build-using-namespace): the composition root knows everybody

// Ctrl-C and TERM as a cancel, on a thread that does nothing else and ends with the process.
CancelToken CancelOnSignals() {
  const EndSignal end;
  auto source = std::make_shared<CancelSource>();
  std::thread([source, end] {
    end.Await();
    source->Cancel();
  }).detach();
  return source->token();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Scoped tokens and uploads into Alibaba Cloud OSS, without a key.");
  app.footer("Exit codes: 0 done, 1 refused or failed, 2 usage or config, 75 try later, 130 Ctrl-C.");
  app.require_subcommand(1);
  cli::SettingFlags flags;
  std::string output = "text";
  app.add_option("--broker", flags.broker,
                 "HOST:PORT on this machine, else https://HOST:PORT (SLUICE_BROKER)");
  app.add_option("--jwt-file", flags.jwt_file,
                 "file with the caller's JWT; anonymous without (SLUICE_JWT_FILE)");
  app.add_option("--ca", flags.ca, "PEM of the authority behind the broker's certificate (SLUICE_CA)");
  app.add_option("--ticket-file", flags.ticket_file, "file with a ticket, instead of a JWT");
  app.add_option("--cert", flags.cert, "PEM of your client certificate, for TLS");
  app.add_option("--key", flags.key, "PEM of its key; in the same file without");
  app.add_option("--gateway", flags.gateway,
                 "of the upload gateway, as --broker; several with commas (SLUICE_GATEWAY)");
  app.add_option("--gateway-jwt-file", flags.gateway_jwt_file,
                 "file with the JWT for the gateway; that of --jwt-file without (SLUICE_GATEWAY_JWT_FILE)");
  app.add_option("--output", output, "text, or json where there is something to print")
      ->check(CLI::IsMember({"text", "json"}));
  app.fallthrough();

  bool allow_http = false;
  app.add_flag("--allow-http", allow_http, "let OSS be plain http beyond this machine; for development");

  cli::TokenArguments token;
  auto* token_command = app.add_subcommand("token", "issue a token and print it");
  token_command->add_option("--grant", token.grant, "name of the grant, where several are yours");
  token_command->add_option("--path", token.path, "below your prefix: `a/` a folder, `a/b.jpg` one object");
  token_command->add_option("--operations", token.operations,
                            "such as UPLOAD,LIST; all of the grant without");
  token_command->add_option("--ttl", token.ttl, "such as 15m; the grant's default without");
  token_command->add_option("--format", token.format, "json, or env for `eval`")
      ->check(CLI::IsMember({"json", "env"}));

  cli::UploadArguments upload;
  auto* upload_command = app.add_subcommand("upload", "put a file into OSS");
  upload_command->add_option("FILE", upload.file, "the file")->required();
  upload_command->add_option("--to", upload.to, "path below your prefix; the file's name without");
  upload_command
      ->add_option("--via", upload.via,
                   "direct: token, then straight to OSS; gateway: through the upload gateway; auto: as the "
                   "broker plans")
      ->check(CLI::IsMember({"direct", "gateway", "auto"}));
  upload_command->add_option("--grant", upload.grant, "name of the grant, where several are yours");
  upload_command->add_option("--content-type", upload.content_type, "by the file's name without");
  upload_command->add_flag("--no-overwrite", upload.no_overwrite, "refuse to replace an object");

  cli::DownloadArguments download;
  auto* download_command = app.add_subcommand("download", "get an object into a file");
  download_command->add_option("PATH", download.path, "path below your prefix")->required();
  download_command->add_option("-o,--to", download.file, "the file; the object's name without");
  download_command->add_option("--grant", download.grant, "name of the grant, where several are yours");
  download_command->add_flag("--force", download.force, "replace a file that exists");

  cli::ExplainArguments explain;
  auto* explain_command =
      app.add_subcommand("explain", "say whether an operation is allowed, and by which rule");
  explain_command->add_option("OPERATION", explain.operation, "UPLOAD, RESUME, TAG, DOWNLOAD, LIST or DELETE")
      ->required();
  explain_command->add_option("PATH", explain.path, "path below your prefix");
  explain_command->add_option("--grant", explain.grant, "name of the grant, where several are yours");

  cli::SignUrlArguments sign;
  auto* sign_command = app.add_subcommand("sign-url", "sign one request to OSS as a URL");
  sign_command->add_option("PATH", sign.path, "one object below your prefix")->required();
  sign_command->add_option("--method", sign.method,
                           "PUT, GET, HEAD, DELETE, INITIATE_MULTIPART, UPLOAD_PART and so on");
  sign_command->add_option("--content-type", sign.content_type, "bound to PUT and INITIATE_MULTIPART");
  sign_command->add_option("--content-length", sign.content_length, "exact, bound to PUT and UPLOAD_PART");
  sign_command->add_option("--process", sign.process, "of GET, such as image/resize,w_200");
  sign_command->add_option("--upload-id", sign.upload_id, "of the multipart upload");
  sign_command->add_option("--part", sign.parts, "part numbers of UPLOAD_PART");
  sign_command->add_option("--ttl", sign.ttl, "such as 15m, the default");
  sign_command->add_option("--grant", sign.grant, "name of the grant, where several are yours");

  cli::PlanArguments plan;
  auto* plan_command = app.add_subcommand("plan", "let the broker choose how to upload, and sign it");
  plan_command->add_option("PATH", plan.path, "one object below your prefix")->required();
  plan_command->add_option("--size", plan.size, "bytes, or such as 5MiB; not known without");
  plan_command->add_option("--content-type", plan.content_type, "of the object");
  plan_command->add_option("--forms", plan.forms,
                           "what the client can do: URL,POST_FORM,PART_URLS,TOKEN,GATEWAY");
  plan_command->add_option("--grant", plan.grant, "name of the grant, where several are yours");

  cli::TicketArguments ticket;
  auto* ticket_command =
      app.add_subcommand("ticket", "get a ticket, as the address an OSS SDK asks for tokens");
  ticket_command->add_option("--subject", ticket.subject,
                             "for somebody else, where a grant names you as delegate");
  ticket_command->add_option("--path", ticket.path, "below the prefix: `a/` a folder, `a/b.jpg` one object");
  ticket_command->add_option("--operations", ticket.operations,
                             "such as UPLOAD,LIST; all of the grant without");
  ticket_command->add_option("--ttl", ticket.ttl, "such as 1h, the default");
  ticket_command->add_option("--grant", ticket.grant, "name of the grant, where several are yours");

  auto* grants_command = app.add_subcommand("grants", "list what you may ask for");

  std::string reason;
  auto* why_command = app.add_subcommand("why", "say what a reason means and what to do");
  why_command->add_option("REASON", reason, "such as STS_UNREACHABLE")->required();

  cli::DoctorArguments doctor;
  auto* doctor_command = app.add_subcommand(
      "doctor", "examine a broker's own key, STS, roles and buckets, with a line and a mend for each");
  doctor_command->footer(
      "Runs the sluice-broker beside this program, else the one of PATH, with --doctor: it needs the "
      "broker's\n"
      "config and the environment that the broker's own key comes from, so run it where the broker runs.\n"
      "Canaries are written below `.sluice-doctor/` of each grant's prefix and removed again.\n"
      "Exit codes: 0 healthy, 1 not, 2 usage or config.");
  doctor_command->add_option("--config", doctor.config, "the broker's config")->required();

  cli::ProveArguments prove;
  auto* prove_command = app.add_subcommand(
      "prove", "try to reach one caller's objects as another, by every form; for a sandbox, since it writes");
  prove_command->add_option("--as", prove.as, "subject that attacks")->required();
  prove_command->add_option("--against", prove.against, "subject that is attacked")->required();
  prove_command->add_option("--grant", prove.grant, "name of the grant of both");
  prove_command->add_option("--claim", prove.claims, "NAME=VALUE for both JWTs");
  prove_command
      ->add_option("--identity", prove.identity,
                   "address of the sandbox's identity provider (SLUICE_IDENTITY)")
      ->envname("SLUICE_IDENTITY")
      ->default_val("http://127.0.0.1:9003");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  upload.json = download.json = sign.json = ticket.json = prove.json = doctor.json = output == "json";
  if (*why_command) {
    const absl::Status known = cli::RunWhy(reason);
    if (!known.ok()) std::cerr << cli::ErrorText(known);
    return cli::ExitCode(known);
  }
  if (*doctor_command) {
    const absl::Status failed = cli::RunDoctor(doctor, ProcessEnvironment()("PATH").value_or(""));
    std::cerr << cli::ErrorText(failed);
    return cli::ExitCode(failed);
  }
  upload.allow_http = download.allow_http = allow_http;

  const CancelToken cancel = CancelOnSignals();
  const auto gateway = cli::ReadGatewaySettings(flags, ProcessEnvironment());
  if (*upload_command && upload.via == "gateway") {
    const absl::Status done =
        gateway.ok() ? cli::RunGatewayUpload(*gateway, upload, cancel) : gateway.status();
    std::cout.flush();
    if (!done.ok()) std::cerr << cli::ErrorText(done);
    return cli::ExitCode(done);
  }
  const auto settings = cli::ReadSettings(flags, ProcessEnvironment());
  auto broker = settings.ok() ? client::TokenClient::Make(*settings)
                              : absl::StatusOr<std::unique_ptr<client::TokenClient>>(settings.status());
  absl::Status status = broker.status();
  if (status.ok()) status = gateway.status();
  if (status.ok()) {
    status = *token_command      ? cli::RunToken(**broker, token, cancel)
             : *upload_command   ? cli::RunUpload(**broker, *gateway, upload, cancel)
             : *download_command ? cli::RunDownload(**broker, download, cancel)
             : *sign_command     ? cli::RunSignUrl(**broker, sign, cancel)
             : *plan_command     ? cli::RunPlan(**broker, plan, cancel)
             : *ticket_command   ? cli::RunTicket(**broker, ticket, cancel)
             : *grants_command   ? cli::RunGrants(**broker, output == "json", cancel)
             : *prove_command    ? cli::RunProve(*settings, prove)
                                 : cli::RunExplain(**broker, explain, cancel);
  }
  std::cout.flush();
  const bool told = *explain_command && absl::IsPermissionDenied(status);
  if (!status.ok() && !told) std::cerr << cli::ErrorText(status);
  return cli::ExitCode(status);
}
