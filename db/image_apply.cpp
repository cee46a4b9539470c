#include "db/image_apply.h"

#include <variant>

#include "db/row_image.h"

namespace mlguard::db {

namespace {

struct Binder {
  Query& query;
  void operator()(std::monostate) const { query.bind(nullptr); }
  void operator()(std::int64_t value) const { query.bind(value); }
  void operator()(double value) const { query.bind(value); }
  void operator()(std::string_view value) const { query.bind(value); }
  void operator()(const ImageBlob& value) const { query.bind(Blob{value.bytes}); }
};

int apply(Connection& connection, const RowImage& image) {
  const std::string& sql =
      image.kind == ImageKind::row ? image.table->upsert_sql : image.table->delete_sql;
  Query query = connection.query(sql.c_str());
  for (const ImageValue& value : image.values) std::visit(Binder{query}, value);
  return query.run();
}

}  // namespace

base::Result<ApplyReport> apply_images(Connection& connection, std::string_view images) {
  auto decoded = decode_images(images);
  if (!decoded.ok()) return decoded.error();
  ApplyReport report;
  for (const RowImage& image : *decoded) {
    ++report.images;
    report.changed += static_cast<std::size_t>(apply(connection, image));
  }
  return report;
}

}  // namespace mlguard::db
