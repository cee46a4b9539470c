#include "server/role_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace mlguard::server {
namespace {

using base::Role;

constexpr std::array<Role, kRoles> kAllRoles = {Role::operator_,   Role::peer,     Role::sniffer,
                                                Role::ml_detector, Role::firewall, Role::rag};

std::set<Verb> verbs_of(Role role) {
  std::set<Verb> verbs;
  for (std::size_t i = 0; i < kVerbs; ++i) {
    if (reach(role, static_cast<Verb>(i)) != Reach::none) verbs.insert(static_cast<Verb>(i));
  }
  return verbs;
}

// The whole table once more, said the other way round: what each role may at all. A cell that is
// changed must be changed in both places.
TEST(RoleTableTest, EachRoleMayExactlyWhatIsWrittenHere) {
  const std::set<Verb> agent = {Verb::status_read,  Verb::enrol,        Verb::component_register,
                                Verb::config_read,  Verb::config_write, Verb::component_heartbeat,
                                Verb::applied_write};
  std::set<Verb> sniffer = agent;
  sniffer.insert({Verb::pipeline_keys_read, Verb::pipeline_keys_use});
  EXPECT_EQ(verbs_of(Role::sniffer), sniffer);
  std::set<Verb> firewall = agent;
  firewall.insert(Verb::rules_read);
  EXPECT_EQ(verbs_of(Role::firewall), firewall);
  std::set<Verb> detector = agent;
  detector.insert({Verb::rules_read, Verb::rules_write, Verb::detections_write,
                   Verb::pipeline_keys_read, Verb::pipeline_keys_use, Verb::models_read});
  EXPECT_EQ(verbs_of(Role::ml_detector), detector);
  std::set<Verb> rag = agent;
  rag.insert({Verb::rules_read, Verb::detections_read, Verb::changes_read, Verb::audit_read,
              Verb::config_list, Verb::applied_read, Verb::cluster_read, Verb::models_read,
              Verb::questions_answer});
  EXPECT_EQ(verbs_of(Role::rag), rag);
  // A backup is the snapshot that a peer takes.
  EXPECT_EQ(verbs_of(Role::peer),
            (std::set<Verb>{Verb::status_read, Verb::backup, Verb::replicate}));
  // All but what instances do among themselves, and the secrets of sniffers and ml-detectors, and
  // answering.
  EXPECT_EQ(verbs_of(Role::operator_).size(), kVerbs - 3);
  EXPECT_EQ(reach(Role::operator_, Verb::replicate), Reach::none);
  EXPECT_EQ(reach(Role::operator_, Verb::pipeline_keys_use), Reach::none);
  EXPECT_EQ(reach(Role::operator_, Verb::questions_answer), Reach::none);
}

TEST(RoleTableTest, OnlyAnOperatorReachesBeyondItsOwnComponentInWrites) {
  for (const Verb verb : {Verb::component_register, Verb::component_heartbeat, Verb::config_write,
                          Verb::applied_write, Verb::rules_write}) {
    for (const Role role : kAllRoles) {
      if (role == Role::operator_) {
        EXPECT_EQ(reach(role, verb), Reach::any) << to_string(verb);
      } else {
        EXPECT_NE(reach(role, verb), Reach::any) << base::to_string(role) << " " << to_string(verb);
        EXPECT_NE(reach(role, verb), Reach::own_or_global)
            << base::to_string(role) << " " << to_string(verb);
      }
    }
  }
}

TEST(RoleTableTest, NoAgentManagesCredentialsBackupsOrAllowRules) {
  for (const Verb verb : {Verb::tokens_manage, Verb::identities_manage, Verb::backup, Verb::verify,
                          Verb::component_remove, Verb::config_manage, Verb::rules_allow,
                          Verb::pipeline_keys_rotate}) {
    for (const Role role : kAllRoles) {
      // Servers are no agents: they take a backup of each other as a snapshot.
      const bool may = role == Role::operator_ || (role == Role::peer && verb == Verb::backup);
      const Reach expected = may ? Reach::any : Reach::none;
      EXPECT_EQ(reach(role, verb), expected) << base::to_string(role) << " " << to_string(verb);
    }
  }
}

TEST(RoleTableTest, AnAgentReadsItsOwnAndTheGlobalConfigurationOnly) {
  for (const Role role : {Role::sniffer, Role::ml_detector, Role::firewall}) {
    EXPECT_EQ(reach(role, Verb::config_read), Reach::own_or_global);
  }
}

TEST(RoleTableTest, ARefusalNamesTheRoleTheVerbAndWhatToUse) {
  const base::Error error = not_permitted(Role::sniffer, Verb::config_write, "firewall");
  EXPECT_EQ(error.code, base::ErrorCode::permission_denied);
  EXPECT_EQ(error.reason, "role_not_permitted");
  for (const char* part : {"sniffer", "put the configuration of", "firewall", "operator"}) {
    EXPECT_NE(error.message.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace mlguard::server
