// Puts a configuration and gets it back, as a user of the library would:
//   outside_program ENDPOINT CREDENTIAL
#include <etcd_client/client.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: outside_program ENDPOINT CREDENTIAL\n";
    return 2;
  }
  mlguard::etcd_client::ClientOptions options;
  options.endpoints = {argv[1]};
  options.credential_path = argv[2];
  options.client_name = "outside_program/1.0";
  auto client = mlguard::etcd_client::Client::open(options);
  if (!client.ok()) {
    std::cerr << client.error().message << "\n";
    return 1;
  }
  const std::string document = R"({"capture":{"interfaces":["lo"]}})";
  const auto put = (*client)->put_config("sniffer", document);
  if (!put.ok()) {
    std::cerr << put.error().message << "\n";
    return 1;
  }
  const auto got = (*client)->get_config("sniffer");
  if (!got.ok() || got->document != document || got->version != put->version) {
    std::cerr << "what came back is not what was put\n";
    return 1;
  }
  std::cout << "version " << got->version << " " << got->document << "\n";
  return 0;
}
