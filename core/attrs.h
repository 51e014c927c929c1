// Attributes of ops. An op's attributes are a plain struct that describes itself once:
//
//   struct ConcatAttrs {
//     std::int64_t axis = 0;
//     template <class V>
//     void visit(V& v) { v("axis", axis, "dimension along which the inputs are joined"); }
//   };
//
// Equality, hashing, printing, JSON, the command line and the docs all follow from visit(). `Attrs` is the type-erased,
// immutable, cheaply copied holder that nodes keep; gradient rules pass it (or the whole struct) on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "gradus/core/dtype.h"
#include "gradus/core/number.h"
#include "gradus/core/shape.h"
#include "gradus/core/tensor.h"

namespace gradus {

// Enum attributes have names: specialise EnumNames<Padding> with `static constexpr const char* values[]` in the order of
// the enumerators 0, 1, 2, ...
template <class E>
struct EnumNames;

struct AttrField {
  const char* name;
  const char* doc;
  bool optional = false;  // added after graph files existed: a file without it means the default
};

// An enum field as an index into its names.
struct EnumValue {
  int index;
  std::span<const char* const> names;
  const char* name() const { return names[static_cast<std::size_t>(index)]; }
};

// A field itself, of one of the types that fields can have.
using AttrRef = std::variant<bool*, std::int64_t*, double*, Number*, std::string*, DType*, Shape*,
                             std::vector<std::int64_t>*, Tensor*, EnumValue*>;

// One function per type, or per several, for std::visit(Overloaded{...}, value).
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

// Sees every field of an attribute struct. Readers look; writers (parsers) assign through the pointer.
class AttrVisitor {
 public:
  virtual ~AttrVisitor() = default;
  virtual void field(const AttrField& field, AttrRef value) = 0;

  template <class T>
  void operator()(const char* name, T& value, const char* doc = "", bool optional = false) {
    const AttrField f{name, doc, optional};
    if constexpr (std::is_enum_v<T> && !std::is_same_v<T, DType>) {
      EnumValue e{static_cast<int>(value), EnumNames<T>::values};
      check_enumerator(f, e);
      field(f, &e);
      value = static_cast<T>(e.index);
    } else {
      field(f, &value);
    }
  }

 private:
  // Throws InvalidArgument for a value without a name, such as static_cast<Padding>(7).
  static void check_enumerator(const AttrField& field, const EnumValue& value);
};

struct NoAttrs {
  template <class V>
  void visit(V&) {}
};

class Attrs {
 public:
  Attrs();  // of an op without attributes: NoAttrs
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Attrs>)
      Attrs(T value)  // NOLINT: implicit by design, so that add_node(..., ConcatAttrs{.axis = 1}) reads well
      : model_(std::make_shared<const Model<T>>(std::move(value))) {}

  // The struct itself; throws Internal, naming both types, when the op's attributes are of another type.
  template <class T>
  const T& get() const {
    const auto* model = dynamic_cast<const Model<T>*>(model_.get());
    if (model == nullptr) throw_wrong_type(typeid(T));
    return model->value;
  }
  template <class T>
  bool holds() const {
    return dynamic_cast<const Model<T>*>(model_.get()) != nullptr;
  }

  bool same_type(const Attrs& other) const { return model_->type() == other.model_->type(); }
  // "gradus::Conv2DAttrs", as the program spells it.
  std::string type_name() const;

  // Shows every field to a reader (changes are dropped).
  void visit(AttrVisitor& visitor) const { model_->edited(visitor); }
  // A copy of these attributes as changed by a writer. The default attributes of an op thus parse any source.
  Attrs edited(AttrVisitor& visitor) const { return Attrs(model_->edited(visitor)); }

  bool empty() const;             // no fields at all
  std::string to_string() const;  // "strides=[1,2,2,1] padding=SAME"
  std::size_t hash() const;
  friend bool operator==(const Attrs& a, const Attrs& b);

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::shared_ptr<const Base> edited(AttrVisitor&) const = 0;
    virtual const std::type_info& type() const = 0;
  };
  template <class T>
  struct Model final : Base {
    explicit Model(T v) : value(std::move(v)) {}
    std::shared_ptr<const Base> edited(AttrVisitor& visitor) const override {
      T copy = value;
      copy.visit(visitor);
      return std::make_shared<const Model<T>>(std::move(copy));
    }
    const std::type_info& type() const override { return typeid(T); }
    T value;
  };
  explicit Attrs(std::shared_ptr<const Base> model) : model_(std::move(model)) {}
  [[noreturn]] void throw_wrong_type(const std::type_info& wanted) const;

  std::shared_ptr<const Base> model_;
};

}  // namespace gradus
